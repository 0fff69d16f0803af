"""``truevar benchmark``: measurements of this program, from a clone of its repository."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from truevar.errors import UserError

DESCRIPTION = """\
Measure this program on this machine, by the scripts in the folder benchmarks/ of a clone of its
repository: by default every 2D scene of docs/protocol.md, into docs/results/benchmark.md; with an
option one thing alone. What follows a -- goes to the script; -- --help says what it takes.
"""

EXAMPLES = """\
examples:
  truevar benchmark
  truevar benchmark --picasso ~/picasso/bin/python --frames 100
  truevar benchmark --scenes 2d-scmos --densities 1 --json -
  truevar benchmark --speed
  truevar benchmark --speed -- --picasso ~/picasso/bin/python --rounds 5
  truevar benchmark --accuracy -- --model accurate --frames 34
  truevar benchmark --ablations -- --crops 20000 --jobs 2
"""

_SCRIPTS = {
    "speed": "localising beside a dense U-Net, and Picasso where it is named",
    "accuracy": "efficiency, Jaccard index, errors on simulated scenes",
    "ablations": "what each part of the model buys, by training without it",
    "pairs": "how near two emitters may be and still be told apart",
    "memory": "peak of memory against the length of a movie",
    "samples": "whether draws of localize --samples are calibrated",
}
"""By option, each a script of its name."""

_FULL = "protocol"
"""The script of the full report."""

_HANDED_ON: dict[str, dict[str, str]] = {
    "model": {"metavar": "NAME", "help": "a model's name or weights (default: the default model)"},
    "picasso": {"metavar": "PYTHON", "help": "of an environment with Picasso: measure it as well"},
    "frames": {"metavar": "N", "help": "more take longer, and narrow the intervals"},
    "scenes": {"metavar": "NAME", "nargs": "+", "help": "only these"},
    "densities": {"metavar": "N", "nargs": "+", "help": "emitters per µm², only these"},
    "json": {"metavar": "FILE", "help": "figures into a file, - for the terminal"},
}
"""Options that go to the script as they are; it judges them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    which = parser.add_mutually_exclusive_group()
    for name, line in _SCRIPTS.items():
        which.add_argument(f"--{name}", dest="script", action="store_const", const=name, help=line)
    report = parser.add_argument_group("what is measured")
    for name, how in _HANDED_ON.items():
        report.add_argument(f"--{name}", **how)  # type: ignore[arg-type]
    parser.add_argument("rest", metavar="-- OPTION", nargs="*", help="for the script")


def run(args: argparse.Namespace) -> int:
    """Measure as the options say.

    Raises:
        UserError: there are no scripts.
    """
    script = Path(__file__).parents[3] / "benchmarks" / f"{args.script or _FULL}.py"
    if not script.is_file():
        raise UserError(
            "the benchmarks do not come with the installed package; run this in a clone of the "
            "repository, after make demo, as .venv/bin/truevar benchmark"
        )
    given: list[str] = []
    for name in _HANDED_ON:
        value = getattr(args, name)
        if value is not None:
            given += [f"--{name}", *([value] if isinstance(value, str) else value)]
    command = [sys.executable, script, *given, *args.rest]
    return subprocess.run(command, check=False).returncode
