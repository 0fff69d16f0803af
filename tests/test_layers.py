"""Imports run downward: a part of the package knows only those below it."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "truevar"

LAYERS = (
    "wording",
    "errors",
    "numbers",
    "device",
    "config",
    "camera",
    "emitters",
    "imaging",
    "refinement",
    "model",
    "io",
    "simulation",
    "calibration",
    "inference",
    "evaluation",
    "training",
    "postprocess",
    "view",
    "samples",
    "commands",
    "cli",
    "doors",
    "napari",
)
"""From the bottom up; docs/architecture.md says what is in them."""

UPWARD = {
    # A table can write itself: the one place where a reader of the code is better served.
    ("emitters.py", "io"),
    # ``python -m truevar.training`` is an entry point, not a part.
    ("training/__main__.py", "commands"),
}


def imported(path: Path) -> set[str]:
    """Parts of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("truevar."):
            found.add((node.module or "").split(".")[1])
    return found


def test_imports_run_downward() -> None:
    seen = set()
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        part = name.split("/")[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        assert part in LAYERS, f"{name} is in no layer; give it a place"
        seen.add(part)
        for other in imported(path) - {part}:
            upward = LAYERS.index(other) > LAYERS.index(part)
            assert not upward or (name, other) in UPWARD, f"{name} imports {other}"
    assert seen == set(LAYERS)


def test_only_the_plugin_imports_napari() -> None:
    for path in SOURCE.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
            elif isinstance(node, ast.Import):
                names.update(one.name.split(".")[0] for one in node.names)
        if not path.is_relative_to(SOURCE / "napari"):
            assert not names & {"napari", "magicgui", "qtpy"}, path.name


def test_relative_imports_are_not_used() -> None:
    # They would slip past the test above.
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path.name
