from dataclasses import replace

import pytest
import torch

from truevar.config import ModelConfig, TrainConfig
from truevar.errors import UserError
from truevar.model import TrueVAREmitterPredictor
from truevar.training.image_side_stage import teach_image_side, with_image_side

TINY = ModelConfig(
    stem_channels=8,
    frame_channels=4,
    joint_blocks=1,
    wide_channels=8,
    embed_dim=16,
    num_heads=2,
    head_dim=8,
    cond_dim=8,
)
LEAN = replace(TINY, image_side="lean", lean_width=8)


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    return TrueVAREmitterPredictor(config=TINY).eval().requires_grad_(False)


def test_a_student_learns_its_teachers_features_and_nothing_else(teacher):
    student = with_image_side(teacher, LEAN)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    said = []
    config = TrainConfig(crops=240, batch=4, other_crops=(), learning_rate=4e-3, log_every=10)
    assert teach_image_side(student, teacher, config, report=said.append) is student
    assert said[-1]["crops"] == 240
    assert said[-1]["error"] < 0.8 * said[0]["error"]
    after = student.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("encoder.") for name in changed)
    rest = {k for k in teacher.state_dict() if not k.startswith("encoder.")}
    assert all(torch.equal(after[name], teacher.state_dict()[name]) for name in rest)


def test_only_the_image_side_may_differ(teacher):
    with pytest.raises(UserError, match="more than the image side"):
        with_image_side(teacher, replace(LEAN, embed_dim=32, num_heads=4))


def test_teaching_ends_by_crops(teacher):
    with pytest.raises(ValueError, match="config.crops"):
        teach_image_side(with_image_side(teacher, LEAN), teacher, TrainConfig())
