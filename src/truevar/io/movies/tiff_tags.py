"""What the tags of a TIFF say about pixel size and camera."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import tifffile

from truevar.io.camera_tags import believable_pixel_size, camera_tags, to_nanometres

_CENTIMETRE = 3
"""Value of the tag ResolutionUnit; the other units say how large to print."""


def tiff_meta(tif: tifffile.TiffFile, notes: list[str]) -> dict[str, Any]:
    """Pixel size (nm) and camera numbers from a TIFF's tags, as far as they are there.

    The program's own names (``pixel_size``, ``baseline``, ``e_per_adu``, ...) are
    understood in an ImageJ description and in tifffile's JSON description.

    Args:
        tif: an open file.
        notes: takes a line about a pixel size that was put aside.
    """
    meta: dict[str, Any] = {}
    for reader in (_imagej, _ome, _micromanager, _stk, _resolution):
        try:
            size = reader(tif)
        except Exception:  # odd tags are no reason not to read the pixels
            size = None
        if size is not None:
            believed = believable_pixel_size(*size, notes)
            if believed is not None:
                meta["pixel_size"] = believed
                break
    for said in (*(tif.shaped_metadata or ()), tif.imagej_metadata or {}):
        meta.update(camera_tags(said, aliases=False))
    return meta


def _imagej(tif: tifffile.TiffFile) -> tuple[float | None, float | None] | None:
    said = tif.imagej_metadata
    if not said or "unit" not in said:
        return None
    lengths = (_per_unit(tif, "XResolution"), _per_unit(tif, "YResolution"))
    x, y = (
        None if length is None else to_nanometres(length, str(said["unit"])) for length in lengths
    )
    return None if x is None and y is None else (x, y)


def _ome(tif: tifffile.TiffFile) -> tuple[float | None, float | None] | None:
    if not tif.ome_metadata:
        return None
    for element in ElementTree.fromstring(tif.ome_metadata).iter():
        if element.tag.endswith("}Pixels") and "PhysicalSizeX" in element.attrib:
            sizes = [
                to_nanometres(
                    float(element.attrib.get(f"PhysicalSize{axis}", "nan")),
                    element.attrib.get(f"PhysicalSize{axis}Unit", "µm"),
                )
                for axis in "XY"
            ]
            return sizes[0], sizes[1] if "PhysicalSizeY" in element.attrib else None
    return None


def _micromanager(tif: tifffile.TiffFile) -> tuple[float | None, float | None] | None:
    said = tif.micromanager_metadata or {}
    summary = said.get("Summary", {})
    for key in ("PixelSize_um", "PixelSizeUm"):
        size = float(summary.get(key, 0.0))
        if size > 0:  # 0 stands for "never calibrated"
            return 1e3 * size, None
    tag = tif.pages.first.tags.get("MicroManagerMetadata")
    size = float(tag.value.get("PixelSizeUm", 0.0)) if tag is not None else 0.0
    return (1e3 * size, None) if size > 0 else None


def _stk(tif: tifffile.TiffFile) -> tuple[float | None, float | None] | None:
    said = tif.stk_metadata if tif.is_stk else None
    if not said or not said.get("XCalibration"):
        return None
    unit = re.sub(r"\W", "", str(said.get("CalibrationUnits", "")))
    x = to_nanometres(float(said["XCalibration"]), unit)
    y = to_nanometres(float(said.get("YCalibration", said["XCalibration"])), unit)
    return None if x is None else (x, y)


def _resolution(tif: tifffile.TiffFile) -> tuple[float | None, float | None] | None:
    unit = tif.pages.first.tags.get("ResolutionUnit")
    if tif.is_imagej or unit is None or int(unit.value) != _CENTIMETRE:
        return None
    x, y = _per_unit(tif, "XResolution"), _per_unit(tif, "YResolution")
    # Printing resolutions of some hundred dots are common here and mean nothing.
    if x is None or x * 1e7 > 1e4:
        return None
    return x * 1e7, None if y is None else y * 1e7


def _per_unit(tif: tifffile.TiffFile, name: str) -> float | None:
    """Length of a pixel in the file's unit, from the tag that says pixels per unit."""
    tag = tif.pages.first.tags.get(name)
    if tag is None:
        return None
    numerator, denominator = tag.value
    return denominator / numerator if numerator and denominator else None
