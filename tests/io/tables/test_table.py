import os

import h5py
import numpy as np
import pytest
import yaml

from truevar.emitters import Emitters
from truevar.errors import TrueVARWarning, UserError
from truevar.io import side_file
from truevar.io.tables.formats import FORMATS
from truevar.io.tables.meta import side_path
from truevar.io.tables.parts import TableParts
from truevar.io.tables.table import check_writable, read_emitters, write_emitters, write_parts

META = {
    "pixel_size": 107.5,
    "width": 64,
    "height": 48,
    "frames": 100,
    "camera": {"baseline": 100.0, "source": "given"},
    "notes": ["a line", "µ"],
}


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    rows = 500
    return Emitters(
        {
            "frame": np.sort(random.integers(0, 100, rows)),
            # The outer half pixels are in the field, too.
            "x": random.uniform(-0.5, 63.49, rows) * 107.5,
            "y": random.uniform(-0.5, 47.49, rows) * 107.5,
            "photons": random.uniform(100, 5000, rows),
            "bg": random.uniform(1, 100, rows),
            "sigma_x": random.uniform(2, 30, rows),
            "sigma_y": random.uniform(2, 30, rows),
            "prob": random.uniform(0, 1, rows),
        },
        META,
    )


def same(back, table, tolerance=1e-3):
    assert set(back) == set(table)
    for name in table:
        np.testing.assert_allclose(back[name], table[name], rtol=1e-6, atol=tolerance)


WRITTEN = [(one.name, ending) for one in FORMATS for ending in one.written]
every_format = pytest.mark.parametrize(("name", "ending"), WRITTEN)
"""Each test that bears it is run for every format, under every ending that it may have."""


@pytest.fixture(autouse=True)
def _with_what_a_format_needs(request):
    if getattr(request.node, "callspec", None) and "parquet" in request.node.callspec.id:
        pytest.importorskip("pyarrow", reason='needs pyarrow: pip install "truevar[parquet]"')


def files_of(name, path):
    beside = [side_path(path).name] if name in ("thunderstorm", "picasso", "smap") else []
    return sorted([path.name, *beside])


@every_format
def test_round_trip(tmp_path, table, name, ending):
    path = tmp_path / f"a{ending}"
    table.write(path, format=name)
    back = read_emitters(path)
    same(back, table, 0.01)  # a hundredth of a nm
    assert back.meta == META
    assert sorted(os.listdir(tmp_path)) == files_of(name, path)


@every_format
def test_round_trip_of_all_columns(tmp_path, table, name, ending):
    rows = len(table)
    full = table.with_columns(
        id=np.arange(rows) - 3,
        z=np.linspace(-500, 500, rows),
        sigma_z=np.full(rows, 40.0),
        sigma_photons=np.full(rows, 25.0),
        psf_sigma=np.full(rows, 130.0),
    )
    write_emitters(full, tmp_path / f"a{ending}", format=name)
    same(read_emitters(str(tmp_path / f"a{ending}")), full, 0.01)


@every_format
def test_round_trip_of_few_columns_and_no_rows(tmp_path, table, name, ending):
    path = tmp_path / f"a{ending}"
    few = Emitters({name: table[name] for name in ("frame", "x", "y")}, {"pixel_size": 107.5})
    write_emitters(few, path, format=name)
    same(read_emitters(path), few, 0.01)
    write_emitters(Emitters.empty(meta=META), path, overwrite=True, format=name)
    back = read_emitters(path)
    assert len(back) == 0
    assert set(back) == set(Emitters.empty())
    assert back.meta == META


def test_csv_conventions(tmp_path):
    one = Emitters({"frame": [0], "x": [0.0], "y": [200.0], "photons": [10.0]}, {"pixel_size": 100})
    write_emitters(one, tmp_path / "a.csv")
    head, row = (tmp_path / "a.csv").read_text().splitlines()
    assert head == '"id","frame","x [nm]","y [nm]","intensity [photon]","pixel_size [nm]"'
    assert row == "1,1,50.0000,250.0000,10,100"


def test_picasso_conventions(tmp_path, table):
    write_emitters(table, tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        locs = file["locs"][()]
        assert locs.dtype["frame"] == np.uint32
        assert locs.dtype["x"] == np.float32
        np.testing.assert_allclose(locs["lpx"], table.sigma_x / 107.5, rtol=1e-6)
        inside = table.x >= 0
        np.testing.assert_allclose(locs["x"][inside], table.x[inside] / 107.5, rtol=1e-6)
        # Picasso drops negative positions: those are at 0 for it, and exact for us.
        assert (locs["x"][~inside] == 0).all()
        assert (~inside).sum() > 0
        first = yaml.safe_load(file["metadata"][()])[0]
    docs = list(yaml.safe_load_all((tmp_path / "a.yaml").read_text(encoding="utf-8")))
    assert docs[0] == first == {"Width": 64, "Height": 48, "Frames": 100, "Pixelsize": 107.5}


def test_picasso_would_drop_no_row(tmp_path, table):
    odd = table.with_columns(sigma_x=np.where(np.arange(500) == 7, np.nan, 5.0))
    odd = odd.with_columns(sigma_y=np.full(500, np.nan))
    with pytest.warns(TrueVARWarning, match="without sigma_x, sigma_y"):
        write_emitters(odd, tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        locs = file["locs"][()]
    assert {"lpx", "lpy"}.isdisjoint(locs.dtype.names)
    for name in locs.dtype.names:
        assert np.isfinite(locs[name]).all()
        if name in ("x", "y", "photons"):
            assert locs[name].min() >= 0
    assert "sigma_x" in (tmp_path / "a.yaml").read_text()


def test_metadata_in_the_file_alone(tmp_path, table):
    write_emitters(table, tmp_path / "a.hdf5")
    (tmp_path / "a.yaml").unlink()
    back = read_emitters(tmp_path / "a.hdf5")
    same(back, table)
    assert back.meta == META


def test_the_field_is_found_where_it_is_not_given(tmp_path, table):
    docs = side_file.documents(Emitters(table.columns, {"pixel_size": 107.5}), "a.csv")
    assert docs[0] == {"Width": 64, "Height": 48, "Frames": 100, "Pixelsize": 107.5}
    empty = Emitters.empty(meta={"pixel_size": 100})
    assert side_file.documents(empty, "a.csv")[0]["Width"] == 1


def test_pixel_size(tmp_path, table):
    write_emitters(table, tmp_path / "a.csv")
    given = read_emitters(tmp_path / "a.csv", pixel_size=100)
    # What the caller says goes first: the corner is half of *his* pixel away.
    np.testing.assert_allclose(given.x, table.x + 0.5 * 7.5, atol=1e-3)
    for size in (0, -1, np.nan, np.inf):
        with pytest.raises(UserError, match="pixel_size is .*; give a number above 0"):
            read_emitters(tmp_path / "a.csv", pixel_size=size)
    with pytest.raises(UserError, match="pixel_size is '100'; give a number above 0"):
        read_emitters(tmp_path / "a.csv", pixel_size="100")
    with pytest.raises(UserError, match="give its path, not NoneType"):
        read_emitters(None)
    with pytest.raises(UserError, match="pixel size"):
        write_emitters(Emitters(table.columns), tmp_path / "b.csv")
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "a.csv.yaml"]


def test_plain_values_in_metadata(tmp_path, table):
    odd = {**META, "a": np.float32(1.5), "b": np.arange(3), "c": (1, 2), "d": tmp_path, 5: None}
    write_emitters(Emitters(table.columns, odd), tmp_path / "a.hdf5")
    for name in ("a.yaml", None):
        if name is None:
            (tmp_path / "a.yaml").unlink()
        meta = read_emitters(tmp_path / "a.hdf5").meta
        assert (meta["a"], meta["b"], meta["c"], meta["5"]) == (1.5, [0, 1, 2], [1, 2], None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"frame": [-1, 3]}, "has the frame -1, but files of this kind count from 0"),
        ({"frame": [0, 1 << 40]}, "which no movie has"),
        ({"x": [1.0, np.nan]}, "row 2: a position is not a number"),
        ({"y": [1e13, 0.0]}, "row 1: a position is not a number"),
    ],
)
@every_format
def test_what_no_reader_would_take_is_not_written(tmp_path, name, ending, columns, said):
    two = {"frame": [0, 3], "x": [1.0, 2.0], "y": [1.0, 2.0]}
    odd = Emitters({**two, **columns}, {"pixel_size": 100.0})
    with pytest.raises(UserError, match=said):
        write_emitters(odd, tmp_path / f"a{ending}", format=name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", [".csv", ".hdf5"])
def test_a_failed_write_leaves_the_old_table(tmp_path, table, ending, monkeypatch):
    path = tmp_path / f"a{ending}"
    write_emitters(table, path)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def fail(self, *args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(UserError, match="disk is full"):
        write_emitters(table.select(np.arange(5)), path, overwrite=True)
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}


@every_format
def test_a_write_that_fails_midway_leaves_nothing(tmp_path, table, name, ending):
    def parts():
        yield table.select(np.arange(5))
        raise OSError(28, "No space left on device")

    path = tmp_path / f"a{ending}"
    broken = TableParts(parts, 10, META)
    # Picasso's and DECODE's are made in memory, where no disk can be full.
    with pytest.raises((UserError, OSError), match="disk is full|No space"):
        write_parts(broken, path, format=name)
    assert os.listdir(tmp_path) == []


@every_format
def test_a_disk_that_is_full_is_one_line(tmp_path, table, name, ending, monkeypatch):
    path = tmp_path / f"a{ending}"
    write_emitters(table, path, format=name)
    before = {one: (tmp_path / one).read_bytes() for one in os.listdir(tmp_path)}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("truevar.io.atomic._move", full)
    with pytest.raises(UserError, match="the disk is full; free some space"):
        write_emitters(table.select(np.arange(5)), path, overwrite=True, format=name)
    assert before == {one: (tmp_path / one).read_bytes() for one in os.listdir(tmp_path)}


@every_format
def test_an_old_table_is_replaced_only_where_that_is_wanted(tmp_path, table, name, ending):
    path = tmp_path / f"a{ending}"
    table.write(path, format=name)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    few = table.select(np.arange(5))
    for write in (few.write, lambda to, **how: write_emitters(few, to, **how), check_writable):
        with pytest.raises(UserError, match=f"a{ending} exists already.*overwrite=True"):
            write(path, format=name)
    assert before == {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    few.write(path, overwrite=True, format=name)
    assert len(read_emitters(path)) == 5


@pytest.mark.parametrize("ending", [".csv", ".hdf5"])
def test_a_side_file_alone_is_not_replaced(tmp_path, table, ending):
    path = tmp_path / f"a{ending}"
    table.write(path)
    path.unlink()
    with pytest.raises(UserError, match=f"{side_path(path).name} exists already"):
        table.write(path)
    assert os.listdir(tmp_path) == [side_path(path).name]


def test_check_writable(tmp_path):
    for name, kind in (
        ("a.csv", "thunderstorm"),
        ("A.CSV", "thunderstorm"),
        ("a.hdf5", "picasso"),
        ("a.h5", "decode"),
        ("a.smlm", "smlm"),
    ):
        assert check_writable(tmp_path / name).name == kind
    assert check_writable(tmp_path / "a.csv", format="SMAP").name == "smap"
    for kind in ("elyra", "excel", "", 5):
        with pytest.raises(UserError, match=r"format=NAME takes one of thunderstorm, picasso, dec"):
            check_writable(tmp_path / "a.csv", format=kind)
    with pytest.raises(UserError, match=r"ending of DECODE's files is \.h5 or \.hdf5; name it so"):
        check_writable(tmp_path / "a.csv", format="decode")
    assert os.listdir(tmp_path) == []
    for name in ("a.txt", "a", "a.tif"):
        with pytest.raises(UserError, match=r"its ending must be one of \.csv"):
            check_writable(tmp_path / name)
    with pytest.raises(UserError, match="no folder"):
        check_writable(tmp_path / "no" / "a.csv")


def test_no_yaml_of_others_is_overwritten(tmp_path, table):
    for ending in (".csv", ".hdf5"):
        path = tmp_path / f"movie{ending}"
        side = side_path(path)
        for text in ("Width: 32\nHeight: 32\n", "not: [yaml", ""):
            side.write_text(text)
            with pytest.raises(UserError, match="something else; choose another name"):
                write_emitters(table, path)
            assert side.read_text() == text
        side.unlink()
        write_emitters(table, path)
    same(read_emitters(tmp_path / "movie.csv"), table)


def refused(path, **options):
    with pytest.raises(UserError) as caught:
        read_emitters(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_table(tmp_path):
    assert "there is no file" in refused(tmp_path / "a.csv")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "a.csv").touch()
    assert "is empty" in refused(tmp_path / "a.csv")
    (tmp_path / "a.doc").write_text("text")
    assert "known are .csv" in refused(tmp_path / "a.doc")
    (tmp_path / "a.hdf5").write_text("some text")
    assert "not an HDF5 file" in refused(tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["locs"] = np.zeros(3)
    assert "neither a table of Picasso" in refused(tmp_path / "b.hdf5")
    with h5py.File(tmp_path / "c.hdf5", "w") as file:
        file["locs"] = np.zeros(3, [("x", "f4"), ("y", "f4")])
    assert "lacks the column 'frame'" in refused(tmp_path / "c.hdf5", pixel_size=100)
    assert "pixel_size=NM" in refused(tmp_path / "c.hdf5")


@every_format
def test_damaged_bytes_never_escape(tmp_path, table, name, ending):
    path = tmp_path / f"a{ending}"
    write_emitters(table.select(np.arange(20)), path, format=name)
    side_path(path).unlink(missing_ok=True)
    whole = path.read_bytes()
    random = np.random.default_rng(3)
    for turn in range(80):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 8):
            damaged[place] = random.integers(0, 256)
        if turn % 4 == 0:
            del damaged[random.integers(0, len(whole)) :]
        path.write_bytes(damaged)
        try:
            read_emitters(path, pixel_size=100)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 (many files pass unharmed)


def test_a_side_file_that_was_spoilt_by_hand(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text('"frame","x [nm]","y [nm]"\n1,50,50\n', encoding="utf-8")
    table.with_suffix(".yaml").write_text(
        "TrueVAR: {pixel_size: 100, width: x, height: 16, frames: -3, psf_sigma: wide, notes: 5, "
        "frame_range: 7, camera: {read_sigma: null}, program: truevar}\n",
        encoding="utf-8",
    )
    read = read_emitters(table)
    assert read.meta == {"pixel_size": 100, "height": 16, "program": "truevar"}
    read.write(tmp_path / "again.hdf5")
