"""Texts that name arguments, and that all of the library's texts do it this way."""

from __future__ import annotations

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.wording import Message, argument, subject, words_of

SOURCE = Path(truevar.__file__).parent
LIBRARY = sorted(SOURCE.rglob("*.py"))
# Only a command line can raise what these say.
COMMANDS = [
    path
    for path in LIBRARY
    if path.relative_to(SOURCE).parts[0] in ("commands", "doors", "cli.py")
    or path.relative_to(SOURCE).as_posix() in ("training/command.py", "training/recipe.py")
]
# The one is what marks options, the other writes the command line that repeats a run.
OF_COMMANDS = [SOURCE / "wording.py", SOURCE / "view/report/provenance.py"]


@pytest.mark.parametrize(
    ("said", "python", "command_line"),
    [
        (argument("camera"), "camera=", "--camera"),
        (argument("pixel_size", "NM"), "pixel_size=NM", "--pixel-size NM"),
        (argument("overwrite", True), "overwrite=True", "--overwrite"),
        (subject("psf_sigma"), "psf_sigma", "--psf-sigma"),
        (argument("axes", "yxt"), 'axes="yxt"', "--axes yxt"),
        (argument("frames", (0, 12)), "frames=(0, 12)", "--frames 0:12"),
        (argument("frames", (np.int64(5), None)), "frames=(5, None)", "--frames 5:"),
        (argument("roi", (0, 16, 4, 20)), "roi=(0, 16, 4, 20)", "--roi 0:16,4:20"),
        (argument("camera_offset", ("X", "Y")), "camera_offset=(X, Y)", "--camera-offset X,Y"),
        (argument("pixel_size", 0.25, "--pixel"), "pixel_size=0.25", "--pixel 0.25"),
        (argument("camera", {"read_sigma": "E"}), 'camera={"read_sigma": E}', "--read-noise E"),
        (
            argument("camera", {"em_gain": 1, "e_per_adu": 2.2, "baseline": None}),
            'camera={"em_gain": 1, "e_per_adu": 2.2, "baseline": …}',
            "--em-gain 1, --e-per-adu 2.2 and --baseline",
        ),
    ],
)
def test_both_forms_of_an_argument(said: str, python: str, command_line: str) -> None:
    message = Message(f"give {said}, or {said}")
    assert message == f"give {python}, or {python}"
    assert message.for_command_line() == f"give {command_line}, or {command_line}"


def test_a_message_is_one_line_of_text() -> None:
    message = Message(f"a file\nof two lines; give {argument('model', 'NAME')}")
    assert message == str(message) == f"{message}" == "a file of two lines; give model=NAME"
    assert type(str(message)) is str
    assert Message(message).for_command_line() == "a file of two lines; give --model NAME"
    more = message + Message(f"; or {argument('device', 'D')}") + "!"
    assert more == "a file of two lines; give model=NAME; or device=D!"
    assert more.for_command_line() == "a file of two lines; give --model NAME; or --device D!"


@pytest.mark.parametrize("kind", [truevar.UserError, truevar.TrueVARWarning])
def test_errors_and_warnings_keep_both_forms(kind: type) -> None:
    error = kind(f"no size; give {argument('pixel_size', 'NM')}")
    longer = kind(f"a.csv: {words_of(error)}")
    for one in (longer, copy.deepcopy(longer), pickle.loads(pickle.dumps(longer))):
        assert str(one) == "a.csv: no size; give pixel_size=NM"
        assert one.for_command_line() == "a.csv: no size; give --pixel-size NM"


def test_words_of_any_error() -> None:
    assert words_of(OSError(28, "full")) == "[Errno 28] full"
    assert words_of(ValueError()) == ""
    assert words_of(ValueError("odd")) == "odd"


def test_a_user_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="give overwrite=True"):
        raise truevar.UserError(f"give {argument('overwrite', True)}")


@pytest.mark.parametrize(
    "path",
    [path for path in LIBRARY if path not in (*COMMANDS, *OF_COMMANDS)],
    ids=lambda path: path.stem,
)
def test_the_library_says_no_options(path: Path) -> None:
    found = [text for text in _texts(path) if re.search(r"(?<![\w-])--([a-z]|$)", text)]
    assert not found, f"{path}: use truevar.wording.argument in {found}"


def test_the_search_for_options_finds_them(tmp_path: Path) -> None:
    code = '"""Doc of --x."""\nraise E(f"{a}; give --pixel-size NM or `tool --stage b`" "c")\n'
    code += "argument('x', flag='--y')\n"
    (tmp_path / "a.py").write_text(code)
    assert "".join(_texts(tmp_path / "a.py")) == "; give --pixel-size NM or c"


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_arguments_are_marked_only_in_what_understands_the_marks(path: Path) -> None:
    """And the text of an error goes into another one with its marks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for handler in ast.walk(tree):
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None:
            caught = ast.unparse(handler.type)
            if "UserError" in caught or "ValueError" in caught:
                for part in ast.walk(handler):
                    if isinstance(part, ast.FormattedValue):
                        bare = ast.unparse(part.value) == handler.name
                        assert not bare, f"{path}:{part.lineno}: use words_of"
    if path.name == "wording.py":
        return
    takers = {"Message", "UserError", "TrueVARWarning", "_say", "check_number"}
    inside: set[int] = set()
    for one in ast.walk(tree):
        # What is assigned is a part of a text that is put together.
        if isinstance(one, ast.Assign) or (isinstance(one, ast.Call) and _name(one) in takers):
            inside |= {id(part) for part in ast.walk(one)}
        elif isinstance(one, ast.Return) and isinstance(one.value, ast.Call):
            inside.add(id(one.value))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _name(call) in ("argument", "subject"):
            assert id(call) in inside, f"{path}:{call.lineno}: put it into a Message"


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _texts(path: Path) -> Iterator[str]:
    """Texts of a module but for docstrings, commands in `ticks` or <code> and what is marked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    aside = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Call) and _name(one) == "argument":
            aside |= {id(part) for part in ast.walk(one)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in aside:
            yield re.sub(r"`[^`]*`|<code>.*?</code>", "", one.value)
