"""inference_true_var.py: emitters at every scale, as tables and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from truevar.calibration.imaging_setup import Setup
from truevar.camera import SCMOS
from truevar.doors import enter
from truevar.doors.configuration import read_configuration
from truevar.evaluation.matching import match
from truevar.inference.localize import localize
from truevar.inference.modes import (
    FrameStack,
    manner_of,
    predict_scales,
    super_resolution_cells,
)
from truevar.io.movies.movie import open_movie
from truevar.io.tables.table import read_emitters
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import TrainedModel, save_model_pt
from truevar.samples import sample_movie, sample_truth
from truevar.simulation.scenes import simulate


@pytest.fixture
def model(tmp_path: Path, small_configuration: dict[str, Any]) -> TrainedModel:
    """Untrained, but not shy: every scale announces emitters."""
    torch.manual_seed(0)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(small_configuration), encoding="utf-8")
    config = read_configuration(path).model
    network = TrueVAREmitterPredictor(config=config).eval().requires_grad_(False)
    for head in network.heads:
        head.to_split.bias.mul_(0.3)
        head.to_split.bias[1:] += 4.0
    return TrainedModel(network, threshold=0.2, domain={"psf_sigma": [0.75, 2.2]})


@pytest.fixture
def file(tmp_path: Path, model: TrainedModel) -> Path:
    path = tmp_path / "best_model.pt"
    save_model_pt(path, model.network, model.threshold, model.domain, {"steps": 1})
    return path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.npy"
    np.save(path, simulate("2d-scmos", 0.7, 5, 48, seed=3).frames())
    return path


def stack_of(frames: np.ndarray, first: int = 0, end: int | None = None) -> FrameStack:
    setup = Setup(100.0, 130.0, SCMOS)
    with open_movie(frames, (first, end)) as opened:
        return FrameStack.read(opened, setup, around=2)


def fails(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """Predict in a way that must fail with one line on stderr; that line."""
    capsys.readouterr()
    assert enter("inference", [str(one) for one in argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("inference_true_var.py: error: ")
    assert err.count("\n") == 1
    return err


def test_the_finest_table_is_that_of_localising(model: TrainedModel) -> None:
    frames = simulate("2d-scmos", 0.7, 6, 48, seed=3).frames()
    given = {"pixel_size": 100.0, "psf_sigma": 130.0, "camera": SCMOS, "precision": "float32"}
    for first, end in ((0, 6), (2, 4)):
        finest = predict_scales(model, stack_of(frames, first, end))[-1]
        assert finest.cell == 0.5
        same = localize(frames, model=model, frames=(first, end), refine=False, **given)
        assert len(same) > 20
        pairs = match(finest.emitters, same, radius=1.0)
        assert len(pairs) == len(same) == len(finest.emitters)
        for name in ("photons", "bg", "sigma_x", "prob"):
            np.testing.assert_allclose(
                finest.emitters[name][pairs.pred], same[name][pairs.truth], rtol=1e-3, atol=0.01
            )


@pytest.mark.parametrize("size", [(33, 47), (160, 160), (40, 40)])
def test_every_scale_of_any_frame(model: TrainedModel, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).poisson(130, (1, *size)).astype(np.uint16)
    scales = predict_scales(model, stack_of(frames))
    widest = {(33, 47): 4, (160, 160): 16, (40, 40): 4}[size]
    assert [scale.cell for scale in scales] == [widest / 2**k for k in range(4)]
    for scale in scales:
        grid = tuple(-(-side // scale.cell) for side in size)
        assert scale.grid == scale.prob_hw.shape == grid
        assert 0 <= scale.prob_hw.min() <= scale.prob_hw.max() <= 1
        assert scale.emitters.meta["cell"] == 100 * scale.cell


def test_grids_beyond_the_trained_ones(model: TrainedModel) -> None:
    for target, finest in ((80, 0.5), (160, 0.25), (320, 0.125)):
        cells = super_resolution_cells(model.network, target)
        assert cells == tuple(4 / 2**k for k in range(len(cells)))
        assert cells[-1] == finest


def test_decodings(model: TrainedModel) -> None:
    stack = stack_of(simulate("2d-scmos", 0.7, 2, 40, seed=3).frames())

    def positions(decoding: str, seed: int = 0, **how: Any) -> list[float]:
        torch.manual_seed(seed)
        manner = manner_of(decoding, **how)
        return list(predict_scales(model, stack, manner=manner)[-1].emitters.x)

    assert positions("soft") == positions("soft", 1)
    assert positions("greedy") == positions("greedy", 1)
    assert positions("sampled") == positions("sampled")
    assert positions("sampled") != positions("sampled", 1)
    assert positions("sampled", top_k=1) != positions("soft")


def test_both_modes_on_the_sample_frames(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    options = ["--model", str(file), "--output", str(folder), "--target_res", "160"]
    assert enter("inference", [*options, "--frames", "1"]) == 0
    said = capsys.readouterr().out
    assert "progressive: 1 frames of 160 x 160 px" in said
    assert "super_resolution: 1 frames of 40 x 40 px" in said
    assert "RMSE" in said
    wanted = {"progressive.png", "super_resolution.png"}
    for mode, grids in (
        ("progressive", (10, 20, 40, 80)),
        ("super_resolution", (10, 20, 40, 80, 160)),
    ):
        for n in grids:
            wanted |= {f"{mode}_{n}x{n}.{ending}" for ending in ("csv", "png", "csv.yaml")}
    assert {path.name for path in folder.iterdir()} == wanted
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    table = read_emitters(folder / "super_resolution_160x160.csv")
    assert len(table)
    # The central 40 px, in the frames' own coordinates.
    assert table.x.min() >= 5950
    assert table.x.max() <= 9950
    assert table.meta["region"] == [60, 100, 60, 100]
    assert table.meta["psf_sigma"] == 130
    assert table.meta["camera"]["e_per_adu"] == 0.46


def test_a_movie_of_one_s_own(
    tmp_path: Path, file: Path, movie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    options = ["--model", file, "--input", movie, "--output", folder, "--frames", "2"]
    how = ["--psf_sigma", "130", "--pixel_size", "110", "--roi", "8:,0:40", "--threshold", "0.5"]
    assert enter("inference", [str(one) for one in (*options, *how)]) == 0
    said = capsys.readouterr()
    assert "JI" not in said.out
    assert "replaced" not in said.err
    again = ["--mode", "progressive"]
    assert enter("inference", [str(one) for one in (*options, *how, *again)]) == 0
    assert f"{folder}/progressive* of an earlier run is replaced" in capsys.readouterr().err
    table = read_emitters(folder / "super_resolution_80x80.csv")
    assert set(table.frame) <= {0, 1}
    assert table.meta["pixel_size"] == 110
    assert table.meta["min_prob"] == 0.5
    assert (table.prob >= 0.5).all()
    assert (table.x >= 7.5 * 110).all()


def test_mistakes_are_one_line_and_write_nothing(
    tmp_path: Path,
    file: Path,
    movie: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.pt").write_bytes(b"no model")
    np.save(tmp_path / "empty.npy", np.zeros((0, 40, 40), np.uint16))
    np.save(tmp_path / "dark.npy", np.zeros((2, 40, 40), np.uint16))
    before = {path.name for path in tmp_path.iterdir()}
    missing = fails(capsys, "--model", "none.pt", "--mode", "progressive")
    assert "python train_true_var.py" in missing
    assert "--model true-var-small" in missing
    assert "no weights" in fails(capsys, "--model", "other.pt")
    assert "80, 160, 320" in fails(capsys, "--model", file, "--target_res", "100")
    assert "no file" in fails(capsys, "--model", file, "--input", "none.tif")
    assert "no frames" in fails(capsys, "--model", file, "--input", "empty.npy")
    assert "zero" in fails(capsys, "--model", file, "--input", "dark.npy")
    assert "1 or more" in fails(capsys, "--model", file, "--frames", "0")
    assert "--mode" in fails(capsys, "--model", file, "--mode", "all")
    assert "moon" in fails(capsys, "--model", file, "--device", "moon")
    assert "region" in fails(capsys, "--model", file, "--input", movie, "--roi", "0:99,0:99")
    assert {path.name for path in tmp_path.iterdir()} == before
    assert "choose another --output" in fails(capsys, "--model", file, "--output", "other.pt")


def test_weights_of_another_configuration_are_one_line(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = torch.load(file, weights_only=True)
    stored["config"]["embed_dim"] = 96
    torch.save(stored, file)
    fails(capsys, "--model", file)


def test_the_sample_frames_are_what_their_readme_says() -> None:
    same = simulate("2d-scmos", 0.7, 3, 160, 2000160)
    assert sample_movie().stat().st_size < 200_000
    with open_movie(sample_movie()) as opened:
        np.testing.assert_array_equal(opened.read(0, 3), same.frames())
        assert opened.meta["pixel_size"] == 100
        assert opened.meta["e_per_adu"] == 0.46
    truth = read_emitters(sample_truth())
    np.testing.assert_allclose(truth.x, same.truth.x, atol=1e-3)
    said = (sample_movie().parent / "README.md").read_text(encoding="utf-8")
    assert "--scene 2d-scmos --density 0.7 --frames 3 --size 160 --seed 2000160" in said
