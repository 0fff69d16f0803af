"""What `import truevar` offers, used as a script would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.config import PRESETS, TrainConfig

TINY = PRESETS["tiny"]


def test_a_movie_with_its_truth_and_a_score(tmp_path: Path) -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=4, size=32, seed=3)
    truth = movie.truth
    movie.write(tmp_path / "movie.tif")
    truevar.write(truth, tmp_path / "truth.csv")
    again = truevar.read(tmp_path / "truth.csv")
    np.testing.assert_allclose(again.x, truth.x, atol=0.01)
    score = truevar.evaluate(again, truth)
    assert score.jaccard == 100
    assert score.rmse < 0.01
    found = truevar.localize(tmp_path / "movie.tif", psf_sigma=130)
    assert found.meta["frames"] == 4


def test_a_movie_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "movie.tif"
    truevar.simulate(frames=1, size=16).write(path)
    before = path.read_bytes()
    with pytest.raises(truevar.UserError, match="overwrite=True"):
        truevar.simulate(frames=2, size=16).write(path)
    assert path.read_bytes() == before
    truevar.simulate(frames=2, size=16).write(path, overwrite=True)
    assert len(path.read_bytes()) > len(before)
    with pytest.raises(truevar.UserError, match=r"\.tif"):
        truevar.simulate(frames=1, size=16).write(tmp_path / "movie.png")


def test_training(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = []
    training = TrainConfig(minutes=0.05, crops=4, batch=2, other_crops=())
    path = truevar.train(
        tmp_path / "run", model=TINY, training=training, validated=False, report=lines.append
    )
    assert any("tokeniser" in str(line.get("note")) for line in lines)
    model = truevar.load_model(path)
    assert model.training["crops"] >= 2
    more = truevar.train(
        tmp_path / "more",
        start=path,
        training=TrainConfig(crops=2, batch=2, other_crops=()),
        validated=False,
    )
    assert truevar.load_model(more).network.config == TINY
    for wrong, said in (
        ({"model": "large"}, "choose from accurate, full, small, tiny"),
        ({"start": path, "resume": tmp_path / "run" / "checkpoint.pt"}, "give one of them"),
        ({"resume": tmp_path / "run" / "checkpoint.pt", "model": "small"}, "another size"),
        ({"start": path, "tokenizer": tmp_path / "run" / "tokenizer.pt"}, "leave tokenizer out"),
    ):
        with pytest.raises(truevar.UserError, match=said):
            truevar.train(tmp_path / "no", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "no").exists()


def test_an_old_name_says_what_it_is_called_now() -> None:
    with pytest.raises(AttributeError, match="called truevar.read now"):
        truevar.read_emitters  # noqa: B018
