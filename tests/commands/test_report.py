"""truevar report, and localize --report."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.model.weights import available_models

needs_model = pytest.mark.skipif(
    "true-var-small" not in available_models(), reason="no true-var-small came with the package"
)


@needs_model
@pytest.mark.parametrize("how", ["", "--no-refine", "--preview"])
def test_localising_with_a_report_and_doing_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    monkeypatch.chdir(tmp_path)
    truevar.simulate("2d-emccd", density=0.5, frames=8, size=32).write("a movie.tif")
    what = "-o e.csv --model true-var-small --frames 2:7 --roi 0:32,8:32 --report r.html"
    assert main(["localize", "a movie.tif", *what.split(), *how.split()]) == 0
    assert "report:    r.html" in capsys.readouterr().out
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.count('"frame":') == 5
    assert 'id="scale-3"' in text
    (command,) = re.findall(r"<pre[^>]*>(.*?)</pre>", text)
    words = shlex.split(html.unescape(command))
    assert words[:2] == ["truevar", "localize"]
    assert main(words[1:]) == 0
    table, again = truevar.read("e.csv"), truevar.read("again.csv")
    assert len(table) == len(again) > 5
    assert table.keys() == again.keys()
    for name in table:
        np.testing.assert_array_equal(table[name], again[name])


def test_a_report_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = truevar.simulate(density=1, frames=3, size=20)
    movie.write(tmp_path / "m.tif")
    truevar.write(movie.truth, tmp_path / "t.csv")
    table, page = str(tmp_path / "t.csv"), tmp_path / "r.html"
    assert main(["report", table, "-o", str(page), "--movie", str(tmp_path / "m.tif")]) == 0
    assert f"{len(movie.truth)} emitters" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").count('"frame":') == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("t.csv -o r.pdf", "must be .html"),
        ("none.csv -o r.html", "none.csv"),
        ("t.csv -o r.html --movie none.tif", "none.tif"),
        ("t.csv -o r.html --movie other.tif", "give the movie that was localised"),
        ("t.csv -o r.html --axes abc", "--axes"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    truevar.write(truevar.simulate(density=1, frames=3, size=20).truth, "t.csv")
    truevar.simulate(density=1, frames=2, size=20).write("other.tif")
    assert main(["report", *options.split()]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not Path("r.html").exists()
