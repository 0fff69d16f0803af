"""``truevar completion``: the Tab key finishes commands, options, names and files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

DESCRIPTION = """\
Print what teaches a shell to finish truevar's commands, options, saved cameras and files when you
press Tab. It needs argcomplete: pip install "truevar[completion]".
"""

EXAMPLES = """\
once, for all terminals that are opened from then on:
  bash         echo 'eval "$(truevar completion bash)"' >> ~/.bashrc
  zsh          echo 'eval "$(truevar completion zsh)"' >> ~/.zshrc
  fish         truevar completion fish > ~/.config/fish/completions/truevar.fish
  powershell   truevar completion powershell >> $PROFILE
"""

SHELLS = ("bash", "zsh", "fish", "powershell")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print the shell's code.

    Raises:
        UserError: argcomplete is not installed.
    """
    from truevar.io.extras import need_package

    argcomplete = need_package("argcomplete", "completion in a shell", "completion")
    print(argcomplete.shellcode(["truevar"], shell=args.shell).strip())
    return 0


def finished_by(action: argparse.Action, names: Callable[[], Iterable[str]], files: bool) -> None:
    """Say what the Tab key finishes an option's value to.

    Args:
        action: the option.
        names: gives what there is; called when Tab is pressed.
        files: whether it may be a file as well.
    """

    def complete(prefix: str, **_: object) -> list[str]:
        from argcomplete.completers import FilesCompleter

        return [*names(), *(FilesCompleter()(prefix) if files else ())]

    action.completer = complete  # type: ignore[attr-defined]  # argcomplete looks there


def saved_cameras() -> list[str]:
    """Names for ``--camera``."""
    from truevar.io.saved_cameras import saved_names

    return saved_names()
