from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari", reason='needs napari: pip install "truevar[napari]"')

from napari.components import ViewerModel
from napari.layers import Image, Layer, Points

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.table import read_emitters, write_emitters
from truevar.napari.points import points_layer, table_of
from truevar.napari.reading import get_reader, read_tables
from truevar.napari.writing import write_table


@pytest.fixture
def table() -> Emitters:
    return Emitters(
        {
            "frame": [0, 0, 3],
            "x": [0.0, 150.0, 1234.5],
            "y": [0.0, 300.0, 55.25],
            "photons": [100.0, 200.0, 300.0],
            "prob": [0.5, 0.7, 1.0],
            "id": [4, 5, 6],
        },
        {"pixel_size": 150.0, "width": 20, "height": 20, "frames": 4, "psf_sigma": 130.0},
    )


def layer_of(table: Emitters) -> Points:
    layer = Layer.create(*points_layer(table, "table"))
    assert isinstance(layer, Points)
    return layer


@pytest.mark.parametrize("ending", [".csv", ".hdf5", ".h5", ".smlm"])
def test_points_lie_on_the_pixels_of_a_movie(table: Emitters, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    write_emitters(table, path)
    reader = get_reader(str(path))
    assert reader is not None
    (made,) = reader(str(path))
    layer = Layer.create(*made)
    movie = Image(np.zeros((4, 20, 20)))
    # Our (0, 0) nm and napari's origin are both the centre of the first pixel.
    np.testing.assert_allclose(movie.data_to_world((0, 0, 0)), layer.data_to_world(layer.data[0]))
    np.testing.assert_allclose(
        movie.data_to_world((0, 2, 1)), layer.data_to_world(layer.data[1]), atol=1e-5
    )
    assert layer.name == "table"
    np.testing.assert_allclose(layer.features["photons"], table.photons)
    assert layer.metadata["truevar"]["pixel_size"] == 150


def test_a_spot_is_drawn_where_its_point_lies(table: Emitters) -> None:
    # By napari's own ray from the world to the pixel that is under the point.
    frames = np.zeros((4, 20, 20))
    frames[0, 2, 1] = 7
    movie, points = Image(frames), layer_of(table)
    world = points.data_to_world(points.data[1])
    assert movie.get_value(world, world=True) == 7


def test_what_is_read_is_written_again(table: Emitters, tmp_path: Path) -> None:
    layer = layer_of(table)
    again = table_of(layer.data, layer.features, layer.metadata)
    assert list(again) == list(table)
    for name, values in table.items():
        np.testing.assert_array_equal(again[name], values)
    path = tmp_path / "out.csv"
    data, attributes, _ = layer.as_layer_data_tuple()
    assert write_table(str(path), data, attributes) == [str(path)]
    written = read_emitters(path)
    np.testing.assert_allclose(written.x, table.x, atol=0.01)
    assert written.meta["psf_sigma"] == 130


def test_points_that_were_moved_and_removed(table: Emitters) -> None:
    layer = layer_of(table)
    layer.data = layer.data + [0, 10, 20]
    layer.selected_data = {0}
    layer.remove_selected()
    again = table_of(layer.data, layer.features, layer.metadata)
    np.testing.assert_allclose(again.x, [170, 1254.5])
    np.testing.assert_allclose(again.y, [310, 65.25])
    np.testing.assert_array_equal(again.id, [5, 6])


def test_other_points_are_refused_in_one_line() -> None:
    layer = Points(np.zeros((3, 3)))
    data, attributes, _ = layer.as_layer_data_tuple()
    with pytest.raises(UserError, match="no table of localisations"):
        write_table("never.csv", data, attributes)


def test_rows_without_a_place_are_left_out_and_none_is_no_trouble(table: Emitters) -> None:
    holed = table.with_columns(x=[np.nan, 150.0, 1.0])
    assert len(layer_of(holed).data) == 2
    empty = layer_of(table.select([]))
    assert empty.data.shape == (0, 3)
    assert len(table_of(empty.data, empty.features, empty.metadata)) == 0


def test_files_that_are_no_tables_are_left_to_others(tmp_path: Path) -> None:
    theirs = tmp_path / "points.csv"
    theirs.write_text("index,axis-0,axis-1\n0,1,2\n", encoding="utf-8")
    text = tmp_path / "notes.txt"
    text.write_text("nothing of that kind\n", encoding="utf-8")
    for path in (theirs, text, tmp_path / "missing.csv", tmp_path):
        assert get_reader(str(path)) is None
    assert get_reader([]) is None


def test_a_damaged_table_is_said_in_one_line(tmp_path: Path, table: Emitters, said) -> None:
    path = tmp_path / "table.csv"
    write_emitters(table, path)
    with path.open("a", encoding="utf-8") as file:
        file.write("5,nothing\n")
    assert get_reader(str(path)) is read_tables
    assert read_tables(str(path)) == [(None,)]
    ((severity, line),) = said()
    assert "error" in severity.lower()
    assert len(line.splitlines()) == 1


def test_a_million_rows_are_quick() -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    columns = {name: rng.uniform(0, 5e4, n) for name in ("x", "y", "photons", "bg", "prob")}
    table = Emitters({"frame": np.arange(n) // 100, **columns}, {"pixel_size": 100.0})
    began = time.process_time()
    layer = layer_of(table)
    assert len(layer.data) == n
    # Some 1 s on one core; a loop over the rows would take minutes.
    assert time.process_time() - began < 20


def test_a_viewer_opens_and_saves_tables(table: Emitters, tmp_path: Path, plugin) -> None:
    write_emitters(table, tmp_path / "table.hdf5")
    viewer = ViewerModel()
    (layer,) = viewer.open(str(tmp_path / "table.hdf5"), plugin="truevar")
    assert isinstance(layer, Points)
    for name in ("saved.csv", "saved.h5", "saved.smlm"):
        assert viewer.layers.save(str(tmp_path / name), plugin="truevar")
        again = read_emitters(tmp_path / name)
        np.testing.assert_allclose(again.x, table.x, atol=0.01)
        np.testing.assert_array_equal(again.frame, table.frame)
        assert again.meta["pixel_size"] == 150


def test_a_table_that_does_not_tell_its_pixel_size_is_said(tmp_path: Path, said) -> None:
    path = tmp_path / "molecules.txt"  # of rapidSTORM
    names = ("Position-0-0", "Position-1-0", "ImageNumber-0-0", "Amplitude-0-0")
    fields = "".join(f'<field identifier="{name}" unit="nanometer" />' for name in names)
    head = f"# <localizations>{fields}</localizations>"
    path.write_text(f"{head}\n100 200 3 5\n", encoding="utf-8")
    ((data, attributes, kind),) = read_tables(str(path))
    assert kind == "points"
    assert tuple(attributes["scale"]) == (1, 1, 1)
    np.testing.assert_allclose(data, [[3, 200, 100]])
    assert "Lay a table on a movie" in said()[-1][1]
