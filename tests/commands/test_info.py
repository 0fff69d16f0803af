import numpy as np
import pytest

from truevar.cli import main


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
