"""``truevar info``: the installation and its models, or what a file is."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import truevar
from truevar.commands.parser import above_zero
from truevar.errors import UserError
from truevar.io.tables.formats import TABLE_ENDINGS
from truevar.model.header import read_header
from truevar.wording import Message

DESCRIPTION = """\
Without a file: version, devices, libraries, and the models with what they were trained on.
With one: what the movie, the table of emitters or the model (.safetensors) is.
"""

EXAMPLES = """\
examples:
  truevar info
  truevar info movie.tif
  truevar info emitters.csv
  truevar info table-of-another-program.csv --pixel-size 108
"""

_LIBRARIES = ("torch", "numpy", "scipy", "tifffile", "h5py", "safetensors", "matplotlib")
Line = tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Put the command's options onto a parser."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="a movie, a table or a model"
    )
    parser.add_argument(
        "--pixel-size",
        metavar="NM",
        type=above_zero,
        help="a camera pixel, nm; needed for a table that does not tell",
    )


def run(args: argparse.Namespace) -> int:
    """Tell.

    Raises:
        UserError: the file cannot be read, or a pixel size was given for no table.
    """
    is_table = args.file is not None and _is_table(args.file)
    if args.pixel_size is not None and not is_table:
        raise UserError(
            f"--pixel-size is for a table ({', '.join(TABLE_ENDINGS)}); leave it out here"
        )
    if args.file is None:
        lines = _installation()
    elif is_table:
        lines = _table(args.file, args.pixel_size)
    elif args.file.suffix.lower() == ".safetensors":
        lines = _model(args.file.name, args.file)
    else:
        lines = _movie(args.file)
    for name, text in lines:
        print(f"{name:<17}{text}".rstrip())
    return 0


def _is_table(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending == ".mat":  # most are movies
        from truevar.io.tables.smap_mat import holds_saveloc

        return holds_saveloc(path)
    return ending in TABLE_ENDINGS


def _installation() -> Iterator[Line]:
    yield "truevar", truevar.__version__
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"
    yield from _devices()

    from truevar.model.weights import DEFAULT_MODEL, available_models

    models = available_models()
    if not models:
        yield "models", "none came with the package"
    else:
        yield "models", f"{', '.join(models)} (default: {DEFAULT_MODEL})"
    for name, path in models.items():
        yield "", ""
        yield from _model(name, path, whole=False)


def _devices() -> Iterator[Line]:
    import torch

    yield "device", f"cpu, {torch.get_num_threads()} threads"
    for number in range(torch.cuda.device_count()):
        yield "device", f"cuda:{number}, {torch.cuda.get_device_name(number)}"
    if torch.backends.mps.is_available():
        yield "device", "mps, Apple"


def _model(name: str, path: Path, whole: bool = True) -> Iterator[Line]:
    header = read_header(path)
    yield "model", f"{name} ({path}, {path.stat().st_size / 1e6:.1f} MB)"
    yield "  architecture", header.get("architecture", "that of 0.1.0, no longer run")
    yield "  threshold", f"{header.get('threshold')} (probability from which on one is reported)"
    for group in ("domain", "training"):
        for key, value in header[group].items():
            if not isinstance(value, Mapping):
                yield f"  {group}", f"{key}: {_plain(value)}"
    # How it was trained in full is long: only for who asks for this one model.
    for key, value in header["training"].items() if whole else ():
        if isinstance(value, Mapping):
            yield from ((f"  {key}", f"{one}: {_plain(worth)}") for one, worth in value.items())


def _movie(path: Path) -> Iterator[Line]:
    from truevar.io.movies.movie import check_values, open_movie

    with open_movie(path) as movie:
        n_frames, height, width = movie.shape
        first = movie.read(0, 1)
        check_values(first)
        yield "movie", str(path)
        yield "frames", f"{n_frames:,} of {width} x {height} px, {movie.dtype}"
        low, middle, high = (f"{value:.6g}" for value in np.quantile(first, [0, 0.5, 1]))
        yield "first frame", f"{low} to {high} ADU, median {middle}"
        for name, value in movie.meta.items():
            yield "tag", f"{name}: {_plain(value)}"
        if "pixel_size" not in movie.meta:
            yield "tag", "no pixel size; give --pixel-size NM to localize"
        for kind, lines in (("note", movie.notes), ("warning", movie.warnings)):
            yield from ((kind, Message(line).for_command_line()) for line in lines)


def _table(path: Path, pixel_size: float | None) -> Iterator[Line]:
    from truevar.commands.reading import read_table
    from truevar.emitters import UNITS

    table = read_table(path, pixel_size)
    yield "table", str(path)
    yield "emitters", f"{len(table):,}"
    for name in table:
        unit = UNITS.get(name, "further column")
        values = table[name][np.isfinite(table[name])]
        if len(values):
            low, middle, high = (f"{value:.6g}" for value in np.quantile(values, [0, 0.5, 1]))
            yield f"  {name}", f"{low} to {high}, median {middle} ({unit})"
        else:
            yield f"  {name}", f"no values ({unit})"
    for name, value in table.meta.items():
        if name == "notes" and isinstance(value, list):
            yield from (("note", str(note)) for note in value)
        else:
            yield "meta", f"{name}: {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(isinstance(one, (int, float)) for one in value):
            return f"{value[0]:g} to {value[1]:g}"
        return ", ".join(_entry(one) for one in value)
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _entry(value: Any) -> str:
    """One of a list; a list itself, such as a width and its share, is no range there."""
    if isinstance(value, (list, tuple)) and value:
        first, *others = map(_plain, value)
        return f"{first} ({', '.join(others)})"
    return _plain(value)
