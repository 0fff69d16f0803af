"""The command line as a whole; tests/commands has the single commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

import truevar
from truevar.cli import COMMANDS, main
from truevar.commands import parser as values


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: truevar {name}")
    assert err == ""


def test_help_of_localize_names_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["localize", "--help"])
    said = capsys.readouterr().out
    wanted = (
        "--pixel-size NM --psf-sigma NM --baseline ADU --e-per-adu G --em-gain M --read-noise E "
        "--camera NAME|FILE --camera-maps FILE.npy --camera-offset X,Y --frames A:B "
        "--min-prob P --roi X0:X1,Y0:Y1 --model NAME|PATH --device D --picture PNG"
    )
    for option in wanted.split(" --"):
        assert option.removeprefix("--") in said


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("usage: truevar")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"truevar {truevar.__version__}\n"


def test_a_closed_pipe_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "truevar", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert said == b""


def test_help_and_mistakes_do_not_wait_for_torch() -> None:
    script = (
        "import sys; from truevar.cli import main;"
        "main(['--help']); main(['localize', '--help']);"
        "main(['localize', 'm.tif', '-o', 'out.txt']); main(['info', 'no.tif']);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ranges_and_sizes() -> None:
    assert values.frame_range("3:") == (3, None)
    assert values.frame_range(":7") == (None, 7)
    assert values.region("0:16,:32") == (0, 16, None, 32)
    assert values.size("128x64") == (128, 64)
    assert values.size("64") == (64, 64)
    assert values.position("512, 0") == (512, 0)
