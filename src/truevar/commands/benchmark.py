"""``truevar benchmark``: measurements of this program, from a clone of its repository."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from truevar.errors import UserError

DESCRIPTION = """\
Measure this program on this machine, by the scripts in the folder benchmarks/ of a clone of its
repository. What follows a -- goes to the script; -- --help says what it takes.
"""

EXAMPLES = """\
examples:
  truevar benchmark --speed
  truevar benchmark --speed -- --picasso ~/picasso/bin/python --rounds 5
  truevar benchmark --accuracy -- --model default --frames 34
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    which = parser.add_mutually_exclusive_group(required=True)
    for name, line in _SCRIPTS.items():
        which.add_argument(f"--{name}", dest="script", action="store_const", const=name, help=line)
    parser.add_argument("rest", metavar="-- OPTION", nargs="*", help="for the script")


def run(args: argparse.Namespace) -> int:
    """Measure as the options say.

    Raises:
        UserError: there are no scripts.
    """
    script = Path(__file__).parents[3] / "benchmarks" / f"{args.script}.py"
    if not script.is_file():
        raise UserError(
            "the benchmarks do not come with the installed package; run this in a clone of the "
            "repository, after make demo, as .venv/bin/truevar benchmark"
        )
    return subprocess.run([sys.executable, script, *args.rest], check=False).returncode
