from dataclasses import replace

import pytest
import torch

from truevar.config import PRESETS, TrainConfig, TrainingMix
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.training.image_side_stage import taught, teach_image_side, with_image_side
from truevar.training.reading_basis import read_through, reading_basis
from truevar.training.start import Start

TINY = PRESETS["tiny"]
LEAN = replace(TINY, image_side="lean", lean_width=8, stem_channels=6)
CPU = torch.device("cpu")


def basis_of(teacher, n=6):
    return reading_basis(teacher, n, TrainConfig(batch=4), TrainingMix(), CPU)


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=TINY).eval().requires_grad_(False)


def test_a_student_learns_its_teachers_features_and_nothing_else(teacher):
    basis = basis_of(teacher)
    student = with_image_side(teacher, LEAN, basis)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    said = []
    config = TrainConfig(crops=240, batch=4, other_crops=(), learning_rate=4e-3, log_every=10)
    assert teach_image_side(student, teacher, basis, config, report=said.append) is student
    assert said[-1]["crops"] == 240
    assert said[-1]["error"] < 0.8 * said[0]["error"]
    after = student.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("encoder.") for name in changed)
    narrow = {"encoder", "glance", "pyramid"}
    rest = {k for k in teacher.state_dict() if k.split(".")[0] not in narrow and "reader" not in k}
    assert rest
    assert all(torch.equal(after[name], teacher.state_dict()[name]) for name in rest)


def test_only_the_image_side_may_differ(teacher):
    with pytest.raises(UserError, match="more than the image side"):
        with_image_side(teacher, replace(LEAN, embed_dim=32, num_heads=4), basis_of(teacher))


def test_teaching_ends_by_crops(teacher):
    basis = basis_of(teacher)
    student = with_image_side(teacher, LEAN, basis)
    with pytest.raises(ValueError, match="config.crops"):
        teach_image_side(student, teacher, basis, TrainConfig())


def test_all_combinations_read_what_all_features_read(teacher):
    basis = basis_of(teacher, n=8)
    assert float(basis.weight_R.sum()) == pytest.approx(1, abs=1e-5)
    assert (basis.weight_R.diff() <= 1e-6).all()
    torch.manual_seed(1)
    f_PC = torch.randn(50, 8)
    narrow = read_through(teacher, basis)
    own = teacher.transformer.reader.part.weight
    read = narrow["transformer.reader.part.weight"]
    seen_PR = f_PC @ basis.into_CR
    torch.testing.assert_close(
        torch.cat([seen_PR] * 4, 1) @ read.T, torch.cat([f_PC] * 4, 1) @ own.T, rtol=1e-3, atol=1e-3
    )


def test_fewer_combinations_lose_what_matters_least(teacher):
    whole = float(basis_of(teacher, n=8).weight_R.sum())
    shares = [float(basis_of(teacher, n=n).weight_R.sum()) for n in (2, 4, 6)]
    assert shares == sorted(shares)
    assert shares[0] > 2 / 8  # better than any two
    assert shares[-1] < whole


def test_weights_for_another_image_side(teacher):
    said = []
    start = Start("t", TINY, 0.6, teacher.state_dict())
    training = TrainConfig(taught_crops=8, batch=4, other_crops=(), log_every=1)
    begun = taught(start, LEAN, training, TrainingMix(), CPU, said.append)
    assert (begun.config, begun.threshold) == (LEAN, 0.6)
    assert "taught by that of t on 8 crops" in said[0]["note"]
    TrueVAREmitterPredictor(config=LEAN).load_state_dict(begun.tensors)
