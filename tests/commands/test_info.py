from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from truevar.cli import main
from truevar.config import ModelConfig, TrainConfig, TrainingMix
from truevar.model import TrueVAREmitterPredictor
from truevar.model.weights import DEFAULT_MODEL, available_models, save_weights


def test_info(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for word in ("truevar", "torch", "cpu", "default", "threshold", "psf_sigma", "training"):
        assert word in said
    assert main(["info", str(made / "found.csv")]) == 0
    assert "sigma_photons" in capsys.readouterr().out
    assert main(["info", str(available_models()[DEFAULT_MODEL])]) == 0
    assert "threshold" in capsys.readouterr().out


def test_a_table_that_does_not_tell_its_pixel_size(tmp_path, capsys):
    table = str(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text('"frame","x [nm]","y [nm]"\n1,150,250\n')
    assert main(["info", table]) == 2
    said = capsys.readouterr().err
    assert "--pixel-size NM" in said
    assert main(["info", table, "--pixel-size", "100"]) == 0  # what it asks for, it takes
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.split()[0] in "xy"] == [
        ["x", "100"],
        ["y", "200"],
    ]


def test_a_mat_is_a_table_or_a_movie(tmp_path, capsys):
    loc = {"xnm": [104.0], "ynm": [104.0], "frame": [1.0], "phot": [5.0]}
    savemat(tmp_path / "a_sml.mat", {"saveloc": {"loc": loc}})
    savemat(tmp_path / "movie.mat", {"data": np.ones((20, 20, 3), np.uint16)})
    assert main(["info", str(tmp_path / "a_sml.mat"), "--pixel-size", "104"]) == 0
    assert "emitters         1\n" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "movie.mat")]) == 0
    assert capsys.readouterr().out.startswith("movie ")


def test_a_pixel_size_for_what_is_no_table(tmp_path, capsys):
    np.save(tmp_path / "movie.npy", np.ones((3, 20, 20), np.uint16))
    for file in ([], [str(tmp_path / "movie.npy")]):
        assert main(["info", *file, "--pixel-size", "100"]) == 2
        assert "is for a table" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0", "nan", "-3", "x"])
def test_a_pixel_size_that_cannot_be(tmp_path, size, capsys):
    (tmp_path / "t.csv").write_text('"frame","x [nm]","y [nm]"\n1,150,250\n')
    assert main(["info", str(tmp_path / "t.csv"), "--pixel-size", size]) == 2
    assert "a number above 0" in capsys.readouterr().err


def test_weights_say_how_they_were_trained_in_full(tmp_path, capsys):
    config = ModelConfig(stem_channels=8, frame_channels=4, joint_blocks=1, embed_dim=16)
    training = {
        "steps": 3,
        "settings": TrainConfig(batch=5).to_dict(),
        "mix": TrainingMix(haze_share=0.125).to_dict(),
    }
    network = TrueVAREmitterPredictor(config=config)
    path = tmp_path / "w.safetensors"
    save_weights(path, network, 0.4, TrainingMix().domain(), training)
    assert main(["info", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for said in (
        "domain read_sigma: 0.102 to 40",
        "domain cameras: sCMOS, EMCCD",
        "training steps: 3",
        "settings batch: 5",
        "settings crops: none",
        "settings other_crops: 20 (0.04), 80 (0.04), 160 (0.02)",
        "mix haze_share: 0.125",
        "mix photons: 100 to 20000",
    ):
        assert said in lines


@pytest.mark.parametrize("name", sorted({"accurate"} & available_models().keys()))
def test_older_weights_say_what_they_know(name, capsys):
    assert main(["info", str(available_models()[name])]) == 0
    said = capsys.readouterr().out
    assert "psf_sigma: 0.75 to 2.2" in said
    assert "mix" not in said
