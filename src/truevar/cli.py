"""The command line: ``truevar COMMAND …``.

Every command is a module with ``add_arguments(parser)`` and ``run(args)``; only the one
that is called is imported, so that help and mistakes are answered at once.

Exit codes: 0 done; 2 something given cannot be used (one line on stderr says what);
1 out of memory; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

import truevar
from truevar.commands.parser import Parser
from truevar.errors import UserError
from truevar.wording import Spelling, as_option

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("truevar.commands.run", "go the whole way from a movie to a picture and a report"),
    "localize": ("truevar.commands.localize", "find the emitters of a movie"),
    "simulate": ("truevar.commands.simulate", "make a movie with known emitters"),
    "evaluate": ("truevar.commands.evaluate", "score a table against the truth"),
    "render": ("truevar.commands.render", "make a picture of a table"),
    "report": ("truevar.commands.report", "write a table into an HTML file to look at"),
    "link": ("truevar.commands.link", "join a molecule's localisations in successive frames"),
    "drift": ("truevar.commands.drift", "take the sample's drift off a table"),
    "filter": ("truevar.commands.filter", "keep the rows of a table that meet a condition"),
    "frc": ("truevar.commands.frc", "tell a table's resolution by Fourier ring correlation"),
    "convert": ("truevar.commands.convert", "write a table in another format"),
    "camera": ("truevar.commands.camera", "save a camera's numbers, to use them by name"),
    "train": ("truevar.commands.train", "train a model on simulated scenes"),
    "benchmark": ("truevar.commands.benchmark", "measure this program, from a clone"),
    "completion": ("truevar.commands.completion", "let the Tab key finish what you type"),
    "info": ("truevar.commands.info", "tell about the installation, a movie, a table, a model"),
}
"""Module and one line of help by name."""

_ABOUT = "Finds fluorescent emitters in single-molecule localisation microscopy movies (2D)."

_EXAMPLES = """\
examples:
  truevar run movie.tif -o results --pixel-size 100
  truevar localize movie.tif -o emitters.csv --pixel-size 100 --picture picture.png
  truevar simulate --scene 2d-scmos --density 1 --frames 100 -o movie.tif --truth truth.csv
  truevar evaluate emitters.csv truth.csv --pixel-size 100 --size 64
  truevar COMMAND --help
"""

_BAD_INPUT = 2
_NO_MEMORY = 1
_INTERRUPTED = 130

_LESS_AT_ONCE = "give fewer frames (--frames), a smaller region (--roi) or close other programs"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: arguments after the program's name; those of the process by default.

    Returns:
        the exit code.
    """
    if argv is None and "_ARGCOMPLETE" in os.environ:
        return _answer_the_shell(os.environ.get("COMP_LINE", ""))
    return guarded("truevar", lambda: _run(sys.argv[1:] if argv is None else list(argv)))


def guarded(
    program: str,
    job: Callable[[], int],
    when_full: str = _LESS_AT_ONCE,
    spelling: Spelling = as_option,
) -> int:
    """Do a job and turn what stops it into one line on stderr and an exit code.

    Args:
        program: name before the line.
        job: gives its exit code.
        when_full: what to do when memory runs out.
        spelling: of the program's options in messages.

    Returns:
        the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character prints "?"
            stream.reconfigure(errors="replace")
    try:
        code = job()
        sys.stdout.flush()  # here, where a closed pipe is understood
        return code
    except UserError as error:
        return _fail(program, error.for_command_line(spelling), _BAD_INPUT)
    except KeyboardInterrupt:
        return _fail(program, "stopped by the user", _INTERRUPTED)
    except BrokenPipeError:  # `truevar … | head`: what was wanted has been printed
        _close_stdout()
        return 0
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        return _fail(program, f"out of memory; {when_full}", _NO_MEMORY)


def build_parser(argv: Sequence[str] = ()) -> Parser:
    """The parser; only commands named in ``argv`` get their options."""
    parser = Parser(prog="truevar", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"truevar {truevar.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, line) in COMMANDS.items():
        if name in argv:
            module = import_module(module_name)
            command = commands.add_parser(
                name,
                help=line,
                description=getattr(module, "DESCRIPTION", line[0].upper() + line[1:] + "."),
                epilog=getattr(module, "EXAMPLES", None),
            )
            module.add_arguments(command)
            command.set_defaults(run=module.run)
        else:
            commands.add_parser(name, help=line)
    return parser


def _run(argv: list[str]) -> int:
    # The first word is the command (options before it take no value): a file may be
    # named like another command, and need not be paid for.
    named = [word for word in argv if not word.startswith("-")][:1]
    parser = build_parser(named)
    if not argv:
        parser.print_help()
        return 0
    try:
        args = parser.parse_args(argv)
    except SystemExit as stop:  # after --help and --version
        return stop.code if isinstance(stop.code, int) else 0
    args.command_line = shlex.join(["truevar", *argv])
    return int(args.run(args) or 0)


def _answer_the_shell(line: str) -> int:
    """Tell a shell, which asks because Tab was pressed, how a line may go on.

    ``truevar completion`` prints what makes shells ask; argcomplete knows what they understand.
    """
    try:
        from argcomplete import autocomplete
    except ImportError:  # it has been removed since
        return 0
    named = [word for word in line.split()[1:] if not word.startswith("-")][:1]
    autocomplete(build_parser(named), always_complete_options="long")  # ends the process
    return 0


def _fail(program: str, message: str, code: int) -> int:
    with suppress(OSError):  # if nobody listens, the exit code still tells
        print(f"{program}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    # torch raises RuntimeError, or a subclass, with one of these texts.
    said = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in said or "can't allocate memory" in said or "not enough memory" in said
    )


def _close_stdout() -> None:
    """Keep Python from complaining, on its way out, about what it cannot print any more."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
