"""The README's blocks do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from truevar.cli import main
from truevar.model.weights import available_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

needs_model = pytest.mark.skipif(not available_models(), reason="no model came with the package")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README's movie.tif, which is where the blocks run."""
    monkeypatch.chdir(tmp_path)
    what = "--scene 2d-scmos --density 0.3 --frames 6 --size 32 -o movie.tif --truth known.csv"
    assert main(["simulate", *what.split(), "--quiet"]) == 0
    return tmp_path


@needs_model
def test_the_python_blocks_run(movie: Path) -> None:
    names: dict[str, Any] = {}
    found = blocks("python")
    assert len(found) >= 2
    for block in found:
        exec(compile(block, "README.md", "exec"), names)
    assert (movie / "emitters.csv").exists()
    assert (movie / "sure.png").exists()


@needs_model
def test_the_commands_run(movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        line for block in blocks("sh") for line in block.splitlines() if line.startswith("truevar ")
    ]
    assert len(lines) >= 6
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, f"{line}: {capsys.readouterr().err}"
    for name in ("emitters.csv", "emitters.csv.yaml", "picture.png", "found.hdf5", "found.png"):
        assert (movie / name).exists()


def test_make_has_the_targets_that_are_named() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"`?make ([a-z-]+)", README)
    assert {"demo", "test"} <= set(named) <= set(targets)


def test_the_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / target).exists(), f"{name} refers to {target}"
