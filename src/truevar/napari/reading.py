"""Tables of localisations as napari's Points layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari.utils.notifications import show_error, show_warning

from truevar.errors import UserError
from truevar.io.tables.table import is_table, read_emitters
from truevar.napari.points import LayerTuple, points_layer

_NOTHING: list[tuple[None]] = [(None,)]
"""napari's sign for a file that makes no layer."""

Paths = str | Sequence[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerTuple] | list[tuple[None]]] | None:
    """What reads the files, None where one is no table.

    A ``.csv`` may be napari's own points, a ``.mat`` a movie: the beginning of a file decides.

    Args:
        path: a file, or several.
    """
    paths = _several(path)
    return read_tables if paths and all(map(is_table, paths)) else None


def read_tables(path: Paths) -> list[LayerTuple] | list[tuple[None]]:
    """A Points layer for every file; what is wrong with one is shown in one line.

    Args:
        path: a file, or several.
    """
    layers = []
    for one in _several(path):
        try:
            emitters = read_emitters(one)
        except UserError as error:
            show_error(str(error))
            continue
        if not emitters.meta.get("pixel_size"):
            show_warning(
                f"{one.name} does not tell the camera's pixel size: its points are in nm; lay it "
                "on its movie with Plugins > TrueVAR > Lay a table on a movie"
            )
        layers.append(points_layer(emitters, one.stem))
    return layers or _NOTHING


def _several(path: Paths) -> list[Path]:
    return [Path(one) for one in ([path] if isinstance(path, str) else path)]
