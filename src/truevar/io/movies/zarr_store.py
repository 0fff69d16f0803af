"""Zarr and OME-Zarr, read by the package zarr (``pip install "truevar[zarr]"``).

OME-Zarr's metadata, of versions 0.1 to 0.5: https://ngff.openmicroscopy.org/specifications
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from truevar.errors import UserError
from truevar.io.camera_tags import believable_pixel_size, camera_tags, to_nanometres
from truevar.io.extras import need_package
from truevar.io.movies.arrays import frames_of
from truevar.io.movies.axes import EXPORT, run_of_frames
from truevar.io.movies.one_by_one import no_movie
from truevar.io.movies.stored import ArrayFrames

_MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Every array and every group has one of these files."""

_OLD_AXES = "tczyx"
"""Of OME-Zarr before 0.3, which does not name them."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def open_zarr(path: Path, axes: str | None = None) -> ArrayFrames:
    """An array of a Zarr store, read piece by piece: of OME-Zarr the one with the full resolution.

    Args:
        path: the folder of an array, or of a group that is OME-Zarr or holds one array.
        axes: the order of a plain array's axes, if not ``"tyx"``.

    Raises:
        UserError: the package is absent; damaged; several images, channels, slices or positions;
            or ``axes`` do not fit.
    """
    zarr = need_package("zarr", "a Zarr folder", "zarr")
    try:
        node = zarr.open(str(path), mode="r")
        if hasattr(node, "shape"):
            return _plain(node, path, axes)
        image = _image_of(node, path)
        if image is not None:
            return _ome(node, image, path, axes)
        return _plain(_only_array(node, path), path, axes)
    except UserError:
        raise
    except Exception as error:  # damaged metadata can upset a parser in any way
        raise no_movie(path, "Zarr", error) from error


def _plain(array: Any, path: Path, axes: str | None) -> ArrayFrames:
    names = _named_axes(array) if axes is None else None
    if names is None:
        source = frames_of(array, str(path), axes)
        source.files = [path]
    else:
        source = _by_axes(array, names, path)
    return _told(source, array, array.attrs)


def _ome(group: Any, image: Mapping[str, Any], path: Path, axes: str | None) -> ArrayFrames:
    if axes is not None:
        raise UserError(f"{path} is OME-Zarr, which names its axes itself; leave the order out")
    level = image["datasets"][0]
    array = group[level["path"]]
    named = image.get("axes") or [*_OLD_AXES]
    names = [str(one["name"] if isinstance(one, Mapping) else one).upper() for one in named]
    source = _by_axes(array, names, path)
    sizes = dict.fromkeys(names, 1.0)
    scaled = False
    for transform in [
        *level.get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    ]:
        if transform.get("type") == "scale":
            scaled = True
            for name, factor in zip(names, transform["scale"], strict=True):
                sizes[name] *= float(factor)
    units = {
        str(one["name"]).upper(): str(one.get("unit") or "")
        for one in named
        if isinstance(one, Mapping)
    }
    # Without a unit a scale is a number of anything.
    x, y = (to_nanometres(sizes[name], units.get(name, "")) for name in "XY")
    if scaled and x is not None and y is not None:
        size = believable_pixel_size(x, y, source.notes)
        if size is not None:
            source.meta["pixel_size"] = size
    return _told(source, array, group.attrs)


def _by_axes(array: Any, names: Sequence[str], path: Path) -> ArrayFrames:
    """The frames of an array whose axes have names."""
    if len(names) != len(array.shape) or "Y" not in names or "X" not in names:
        raise UserError(
            f"{path} has an array {tuple(array.shape)} with the axes {', '.join(names).lower()}; "
            "a movie has t, y, x"
        )
    others = [pair for pair in zip(names, array.shape, strict=True) if pair[0] not in "YX"]
    axis, _ = run_of_frames(others, path, EXPORT)
    if not others:
        y, x = names.index("Y"), names.index("X")
        return ArrayFrames(np.asarray(array)[None], axes=(0, 1 + y, 1 + x))
    time = names.index(axis or ("T" if "T" in names else others[0][0]))
    order = (time, names.index("Y"), names.index("X"))
    return ArrayFrames(array, axes=order, path=path)


def _told(source: ArrayFrames, array: Any, attributes: Mapping[str, Any]) -> ArrayFrames:
    """A source with what its store says of the camera, and of pieces that are not there."""
    source.meta.update(camera_tags(attributes, aliases=False))
    held, pieces = int(array.nchunks_initialized), int(array.nchunks)
    if held < pieces:
        source.warnings.append(
            f"{pieces - held} of the array's {pieces} pieces are not there and count as "
            f"{array.fill_value}: frames without light, or an incomplete copy"
        )
    return source


def _named_axes(array: Any) -> list[str] | None:
    """Letters for the names that a plain array's axes have, if all of them mean something here."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS") or ()  # Zarr 3; xarray in Zarr 2
    known = {"time": "T", "frame": "T", "frames": "T", "channel": "C"}
    letters = [known.get(str(name).lower(), str(name).upper()) for name in names]
    usable = len(set(letters)) == len(letters) and set(letters) <= set("TCZYX")
    return letters if letters and usable else None


def _image_of(group: Any, path: Path) -> Mapping[str, Any] | None:
    """OME-Zarr's description of the only image in a group; None if this is not OME-Zarr."""
    attributes = group.attrs
    said = attributes.get("ome", attributes)  # since 0.5 under a name of its own
    if "plate" in said or "well" in said or "bioformats2raw.layout" in said:
        raise UserError(
            f"{path} holds a set of images; give the folder of one, such as {path / '0'}"
        )
    images = said.get("multiscales") or ()
    if len(images) > 1:
        raise UserError(f"{path} holds {len(images)} images; export one as a store of its own")
    return images[0] if images else None


def _only_array(group: Any, path: Path) -> Any:
    arrays = sorted(name for name, _ in group.arrays())
    if len(arrays) != 1:
        said = ", ".join(arrays[:6]) or "none"
        raise UserError(
            f"{path} is a Zarr group and not OME-Zarr, with the arrays: {said}; give the folder "
            "of one array" + (f", such as {path / arrays[0]}" if arrays else "")
        )
    return group[arrays[0]]
