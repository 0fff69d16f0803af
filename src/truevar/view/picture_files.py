"""Pictures as files: PNG with text, OME-TIFF with the size of a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import truevar
from truevar.io.atomic import replacing

_EFFORT = 3
"""Of compressing a PNG, 1 to 9. The usual 6 takes longer than rendering a million localisations,
and the file is a tenth smaller."""


def write_png(
    path: Path, colours: NDArray[np.uint8], pixel_size: float, facts: Mapping[str, str]
) -> None:
    """Write colours into a PNG.

    Args:
        path: appears complete or not at all.
        colours: (H, W, 3).
        pixel_size: nm.
        facts: goes into its text (tEXt or iTXt chunks), beside the program's name.

    Raises:
        UserError: no place to write.
    """
    from matplotlib.image import imsave

    text = {"Software": f"TrueVAR {truevar.__version__}", **facts}
    # matplotlib's image functions take any path, and need no window or figure.
    with replacing(path) as temporary, open(temporary, "wb") as file:
        how = {"compress_level": _EFFORT}
        imsave(file, colours, format="png", metadata=text, pil_kwargs=how)


def write_tiff(
    path: Path, picture: NDArray[Any], pixel_size: float, facts: Mapping[str, str]
) -> None:
    """Write counts or colours into an OME-TIFF.

    The size of a pixel is in the OME-XML and in the resolution tags, which ImageJ reads.

    Args:
        path: appears complete or not at all.
        picture: (H, W) float32, or (H, W, 3) uint8.
        pixel_size: nm.
        facts: goes into the OME-XML as the description.

    Raises:
        UserError: no place to write.
    """
    import tifffile

    coloured = picture.ndim == 3
    metadata = {
        "axes": "YXS" if coloured else "YX",
        "Name": path.name,
        "Description": "; ".join(f"{name}: {said}" for name, said in facts.items()),
        "PhysicalSizeX": pixel_size / 1000,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": pixel_size / 1000,
        "PhysicalSizeYUnit": "µm",
    }
    per_centimetre = 1e7 / pixel_size
    with replacing(path) as temporary, open(temporary, "wb") as file:
        tifffile.imwrite(
            file,
            picture,
            ome=True,
            photometric="rgb" if coloured else "minisblack",
            resolution=(per_centimetre, per_centimetre),
            resolutionunit="CENTIMETER",
            software=f"TrueVAR {truevar.__version__}",
            metadata=metadata,
        )
