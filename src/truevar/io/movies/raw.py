"""Movies of bare pixels with a text beside them: Picasso ``.raw``, storm-analysis ``.dax``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from truevar.errors import UserError
from truevar.io.camera_tags import camera_tags
from truevar.io.movies.stored import StoredFrames
from truevar.wording import Message, argument

_RAW_KEYS = ("Byte Order", "Data Type", "Frames", "Height", "Width")


def open_raw(path: Path) -> StoredFrames:
    """A Picasso movie ``NAME.raw`` with its ``NAME.yaml``.

    Raises:
        UserError: no .yaml, a key missing or senseless, or a size that does not fit.
    """
    side = path.with_suffix(".yaml")
    text = _text_beside(path, side, "Byte Order, Data Type, Frames, Height and Width")
    try:
        said = next(iter(yaml.safe_load_all(text)), None)
    except yaml.YAMLError as error:
        raise UserError(f"{side} is not valid YAML; write it anew") from error
    if not isinstance(said, dict):
        raise UserError(f"{side} holds no keys; it needs {', '.join(_RAW_KEYS)}")
    missing = [key for key in _RAW_KEYS if key not in said]
    if missing:
        raise UserError(f"{side} lacks the key {missing[0]!r}; it needs {', '.join(_RAW_KEYS)}")
    try:
        big = {"<": False, ">": True, "=": sys.byteorder == "big", "|": False}
        order = big[str(said["Byte Order"]).strip()]
        dtype = np.dtype(str(said["Data Type"])).newbyteorder(">" if order else "<")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{side} has a 'Byte Order' or 'Data Type' that means nothing here; "
            "use < or > and uint16, say"
        ) from error
    height, width, frames = (_whole(side, said, key) for key in ("Height", "Width", "Frames"))
    source = _bare(path, frames, height, width, dtype, side.name)
    source.meta.update(camera_tags({**said, **_simulated(said)}))
    if said.get("Gain") is not None and "em_gain" not in source.meta:
        source.notes.append(
            Message(
                f"{side.name} says Gain: {said['Gain']}, which may be an EM gain or a conversion, "
                f"and was ignored; give {argument('camera', {'em_gain': None})} or "
                f"{argument('camera', {'e_per_adu': None})}"
            )
        )
    return source


def open_dax(path: Path) -> StoredFrames:
    """A storm-analysis movie ``NAME.dax`` with its ``NAME.inf``.

    Pixels are big-endian uint16 unless the .inf says "little endian". The
    dimensions are width x height, as storm-analysis reads them now; earlier
    versions took them the other way round, which only matters for frames that
    are not square.

    Raises:
        UserError: no .inf, no dimensions in it, or a size that does not fit.
    """
    side = path.with_suffix(".inf")
    text = _text_beside(path, side, "'frame dimensions = W x H'")
    size = re.search(r"frame dimensions\s*=\s*(\d+)\s*x\s*(\d+)", text)
    if size is None:
        raise UserError(f"{side} lacks the line 'frame dimensions = W x H'; add it")
    width, height = int(size[1]), int(size[2])
    if not (width and height):
        raise UserError(f"{side} says that frames are {width} x {height}; correct it")
    count = re.search(r"number of frames\s*=\s*(\d+)", text)
    dtype = np.dtype("<u2" if re.search(r"little[ -]endian", text) else ">u2")
    frames = int(count[1]) if count else None
    return _bare(path, frames, height, width, dtype, side.name)


def _text_beside(path: Path, side: Path, content: str) -> str:
    try:
        return side.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(
            f"{path} needs {side.name} beside it, which gives {content}; there is none to read"
        ) from error


def _whole(side: Path, said: dict[str, Any], key: str) -> int:
    value = said[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{side} says {key}: {value!r}; it must be a whole number above 0")
    return value


def _simulated(said: dict[str, Any]) -> dict[str, Any]:
    """Picasso's simulation writes ``Camera.Pixelsize``; a plain ``Pixelsize`` goes first."""
    if "Pixelsize" in said or "Camera.Pixelsize" not in said:
        return {}
    return {"Pixelsize": said["Camera.Pixelsize"]}


def _bare(
    path: Path, frames: int | None, height: int, width: int, dtype: np.dtype[Any], side: str
) -> StoredFrames:
    """Frames one after the other from byte 0; the file's size says how many."""
    one = height * width * dtype.itemsize
    size = path.stat().st_size
    if one == 0:
        raise UserError(f"{side} describes pixels of no bytes; correct its data type")
    if size == 0:
        raise UserError(f"{path} is empty")
    held, rest = divmod(size, one)
    if rest:
        raise UserError(
            f"{path} is truncated, or {side} is wrong: {size} bytes are no whole number of "
            f"frames of {width} x {height} {dtype.name}"
        )
    offsets = one * np.arange(held, dtype=np.int64)
    source = StoredFrames([path], (held, height, width), dtype, offsets)
    if frames is not None and frames != held:
        source.notes.append(f"{side} says {frames} frames and the file holds {held}: {held} read")
    return source
