"""Cameras saved under a name, in the user's configuration folder.

Each is a camera file (:mod:`truevar.io.camera_file`) that a person can read and change.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path

from truevar.errors import UserError
from truevar.io.atomic import cannot_write, check_new, replacing_all
from truevar.io.camera_file import SECOND_HAND, CameraProfile, read_camera_profile
from truevar.io.camera_maps import read_camera_maps
from truevar.io.camera_names import CAMERA_NUMBERS, LENGTHS
from truevar.io.tables.formats import WRITTEN_ENDINGS

SAVED = "the saved camera"
"""Source of numbers that a saved camera gives, before its name."""

UNITS = {
    "pixel_size": "nm",
    "psf_sigma": "nm, standard deviation",
    "baseline": "ADU of a pixel without light",
    "e_per_adu": "electrons per ADU, after the EM gain",
    "em_gain": "multiplication of an EMCCD; 1 for every other camera",
    "read_sigma": "electrons (RMS), after the EM gain",
    "qe": "quantum efficiency, recorded only",
    "cic": "clock-induced charge, electrons per pixel and frame, before the EM gain",
}
"""What the numbers mean, for those who read the file."""

_NAME = re.compile(r"[^\W_][\w.+-]{0,63}")
_FILES = (".yaml", ".yml", *WRITTEN_ENDINGS)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for itself."""


def configuration_folder() -> Path:
    """Where this user's settings are: ``XDG_CONFIG_HOME`` where it is set, else the system's place.

    Raises:
        UserError: the user has no home folder.
    """
    named = os.environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(named):  # a relative one is to be ignored, by the XDG specification
        return Path(named) / "truevar"
    try:
        home = Path.home()
    except RuntimeError as error:
        raise UserError("there is no home folder for settings; set XDG_CONFIG_HOME") from error
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "truevar"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "truevar"
    return home / ".config" / "truevar"


def path_of(name: str) -> Path:
    """The file of a camera of this name, saved or not.

    Raises:
        UserError: no camera can be called so.
    """
    if not _may_be_name(name):
        raise UserError(
            f"a camera cannot be called {name!r}; take letters, digits, points and hyphens, such "
            "as orca or orca-60x, and no ending of a file"
        )
    return configuration_folder() / "cameras" / f"{name}.yaml"


def saved_names() -> list[str]:
    """The names of all saved cameras, sorted."""
    folder = configuration_folder() / "cameras"
    names = (path.stem for path in folder.glob("*.yaml"))
    return sorted((name for name in names if _may_be_name(name)), key=str.lower)


def read_camera(stated: str | PathLike[str]) -> CameraProfile:
    """A saved camera by its name, or a camera file.

    Args:
        stated: text that is a saved camera's name means that one; a path, and other text, a file.

    Raises:
        UserError: there is neither, or the file cannot be used.
    """
    if not isinstance(stated, str) or not _may_be_name(stated):
        return read_camera_profile(stated)
    path, other = path_of(stated), Path(stated)
    if path.is_file():
        found = read_camera_profile(path, f"{SAVED} {stated}")
        if not other.is_file():
            return found
        note = f"{SAVED} {stated} used; for the file of that name here say .{os.sep}{stated}"
        return replace(found, notes=(*found.notes, note))
    if other.exists():
        return read_camera_profile(other)
    raise UserError(_no_such(stated, ", and no camera file of that name"))


def load_camera(name: str) -> CameraProfile:
    """A saved camera.

    Raises:
        UserError: there is none of that name, or its file cannot be used.
    """
    path = path_of(name)
    if not path.is_file():
        raise UserError(_no_such(name))
    return read_camera_profile(path, f"{SAVED} {name}")


def save_camera(name: str, profile: CameraProfile, overwrite: bool = False) -> Path:
    """Save a camera under a name.

    Args:
        name: of letters, digits, points and hyphens.
        profile: its numbers; of what was estimated, the file says so. Maps are copied beside it.
        overwrite: replace one that has the name.

    Returns:
        the file.

    Raises:
        UserError: no number, a name that cannot be used or is taken, maps that are none, or no
            permission to write.
    """
    path = path_of(name)
    if not profile.numbers and profile.maps is None:
        raise UserError(f"there is nothing to save as {name}; give at least one of its numbers")
    if profile.maps is not None:
        read_camera_maps(profile.maps)  # says so if they are none
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(cannot_write(path, error)) from error
    check_new(path, overwrite)
    copy = path.with_suffix(".npy")
    with replacing_all(path, *((copy,) if profile.maps else ())) as (text, *maps):
        text.write_text(_text(name, profile), encoding="utf-8", newline="\n")
        for one in maps:
            shutil.copyfile(profile.maps or copy, one)
    if profile.maps is None:
        _forget(copy)  # of the camera that had this name
    return path


def remove_camera(name: str) -> Path:
    """Forget a saved camera.

    Returns:
        the file that was removed.

    Raises:
        UserError: there is none of that name, or no permission to remove it.
    """
    path = path_of(name)
    try:
        path.unlink()
    except FileNotFoundError as error:
        raise UserError(_no_such(name)) from error
    except OSError as error:
        raise UserError(f"cannot remove {path}: {error.strerror}") from error
    _forget(path.with_suffix(".npy"))
    return path


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _may_be_name(text: str) -> bool:
    fits = _NAME.fullmatch(text) is not None and not text.endswith(".")
    return fits and not text.lower().endswith(_FILES) and _RESERVED.fullmatch(text) is None


def _no_such(name: str, more: str = "") -> str:
    names = saved_names()
    known = f"saved are {', '.join(names)}" if names else "none is saved"
    return f"there is no saved camera {name}{more}; {known} (`truevar camera add` saves one)"


def _text(name: str, profile: CameraProfile) -> str:
    lines = [f"# The camera {name} of TrueVAR, to read and to change; `truevar camera show {name}`"]
    for key in (*LENGTHS, *CAMERA_NUMBERS):
        if key in profile.numbers:
            lines.append(f"{key}: {profile.numbers[key]!r}  # {UNITS[key]}")
    if profile.maps is not None:
        lines.append(f"camera_maps: {name}.npy  # offset, variance and gain of every pixel")
    for how in SECOND_HAND:
        names = [key for key in profile.numbers if how in profile.sources.get(key, "")]
        if names:
            lines.append(f"{how}: [{', '.join(names)}]")
    return "\n".join((*lines, ""))
