"""truevar benchmark: the scripts of a clone, by one command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from truevar.cli import main
from truevar.commands import benchmark


def test_every_option_has_its_script_and_what_follows_goes_there(
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = Path(__file__).parents[2] / "benchmarks"
    for name in benchmark._SCRIPTS:
        assert (folder / f"{name}.py").is_file()
    assert main(["benchmark", "--memory", "--", "--help"]) == 0
    assert "memory.py" in capfd.readouterr().out
    assert main(["benchmark", "--memory", "--", "--frames", "few"]) == 2
    assert "invalid int value" in capfd.readouterr().err
    assert main(["benchmark", "--frames", "few", "--scenes", "2d-dim", "--densities", "1"]) == 2
    (line,) = capfd.readouterr().err.splitlines()  # of the full report, which is the default
    assert "few must be a whole number" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "a clone"), (["--speed", "--memory"], "not allowed with"), (["--speed"], "a clone")],
)
def test_refused_in_a_line(
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    installed = tmp_path / "lib" / "site-packages" / "truevar" / "commands" / "benchmark.py"
    monkeypatch.setattr(benchmark, "__file__", str(installed))
    assert main(["benchmark", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert sys.executable not in line
