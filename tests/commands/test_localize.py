import numpy as np
import pytest
import scipy.io
import tifffile

import truevar
from truevar.cli import main
from truevar.io.tables.table import read_emitters
from truevar.model.weights import available_models

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

GIVEN = {"pixel_size": 100.0, "psf_sigma": 130.0}
OPTIONS = ["--pixel-size", "100", "--psf-sigma", "130", "--baseline", "100", "--e-per-adu", "0.5"]


@pytest.fixture
def frames():
    return np.random.default_rng(0).poisson(150, (6, 16, 18)).astype(np.uint16)


def test_a_guessed_axis_is_said_and_kept(tmp_path, frames, capsys):
    movie, table = str(tmp_path / "a.mat"), str(tmp_path / "a.csv")
    scipy.io.savemat(movie, {"mov": frames.transpose(1, 2, 0)})  # 16 x 18 x 6
    camera = {"baseline": 100, "e_per_adu": 0.5}
    assert (
        truevar.localize(movie, camera=camera, **GIVEN).meta["notes"]
        == ["the last axis of mov (16 x 18 x 6) is taken for frames"]
        + truevar.localize(frames, camera=camera, **GIVEN).meta["notes"]
    )
    scipy.io.savemat(movie, {"mov": np.tile(frames, (4, 1, 1)).transpose(1, 2, 0)})
    assert main(["localize", movie, "-o", table, *OPTIONS]) == 0
    said = capsys.readouterr().err
    assert "warning: the last axis of mov (16 x 18 x 24) is taken" in said
    said = read_emitters(table).meta["warnings"]
    assert any('axes="yxt" says that this is right' in line for line in said)


def test_axes_are_taken(tmp_path, frames, capsys):
    movie, table = str(tmp_path / "a.mat"), str(tmp_path / "a.csv")
    scipy.io.savemat(movie, {"mov": frames})
    assert main(["localize", movie, "-o", table, "--axes", "TYX", *OPTIONS]) == 0
    assert "axis" not in capsys.readouterr().err
    assert read_emitters(table).meta["frames"] == 6
    assert main(["localize", movie, "-o", table, "--axes", "zyx", *OPTIONS]) == 2
    assert "--axes" in capsys.readouterr().err


def test_the_parts_of_a_movie(tmp_path, frames, capsys):
    names = [str(tmp_path / name) for name in ("m.tif", "m_1.tif")]
    for number, name in enumerate(names):
        tifffile.imwrite(name, frames[3 * number : 3 * number + 3], photometric="minisblack")
    table = str(tmp_path / "t.csv")
    assert main(["localize", names[0], "-o", table, *OPTIONS]) == 0
    assert "warning: m_1.tif beside m.tif may be a part" in capsys.readouterr().err
    assert read_emitters(table).meta["frames"] == 3
    assert main(["localize", *names, "-o", str(tmp_path / "both.csv"), *OPTIONS]) == 0
    assert "may be a part" not in capsys.readouterr().err
    meta = read_emitters(tmp_path / "both.csv").meta
    assert (meta["frames"], meta["movie"]) == (6, "m.tif to m_1.tif")
