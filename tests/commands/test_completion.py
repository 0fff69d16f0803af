"""The Tab key: what a shell is told, as it asks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import truevar
from truevar.cli import main
from truevar.commands.completion import SHELLS
from truevar.io.camera_file import CameraProfile
from truevar.io.saved_cameras import save_camera

SOURCE = str(Path(truevar.__file__).parents[1])

needs_argcomplete = pytest.mark.skipif(
    importlib.util.find_spec("argcomplete") is None,
    reason='needs argcomplete: pip install "truevar[completion]"',
)


def test_without_argcomplete_a_line_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert main(["completion", "bash"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert 'pip install "truevar[completion]"' in said
    assert main(["completion", "cmd"]) == 2
    assert "bash" in capsys.readouterr().err


@needs_argcomplete
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_its_code(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert "truevar" in out
    assert "_ARGCOMPLETE" in out
    assert err == ""


@needs_argcomplete
@pytest.mark.parametrize(
    ("line", "wanted", "unwanted"),
    [
        ("truevar loc", {"localize"}, {"link"}),
        ("truevar localize m.tif --came", {"--camera", "--camera-maps"}, {"--pixel-size"}),
        ("truevar localize m.tif --camera o", {"orca", "other.yaml"}, {"ixon"}),
        ("truevar camera show ", {"orca", "ixon"}, {"other.yaml"}),
        ("truevar camera add x --", {"--baseline"}, {"--gain"}),
        ("truevar completion z", {"zsh"}, {"bash"}),
    ],
)
def test_what_a_line_may_go_on_with(
    line: str, wanted: set[str], unwanted: set[str], own_settings: Path, tmp_path: Path
) -> None:
    for name in ("orca", "ixon"):
        save_camera(name, CameraProfile({"baseline": 100.0}))
    (tmp_path / "other.yaml").touch()
    told = tmp_path / "told"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(told),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "PYTHONPATH": SOURCE,
    }
    program = [sys.executable, "-m", "truevar"]
    done = subprocess.run(program, cwd=tmp_path, env={**os.environ, **asked}, capture_output=True)
    assert done.returncode == 0, done.stderr
    words = {word.strip() for word in told.read_text(encoding="utf-8").splitlines()}
    assert wanted <= words
    assert not unwanted & words


def test_a_shell_that_asks_a_program_without_argcomplete_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "argcomplete.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), SOURCE])
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": "truevar ", "PYTHONPATH": path}
    program = [sys.executable, "-m", "truevar"]
    done = subprocess.run(program, env={**os.environ, **asked}, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
