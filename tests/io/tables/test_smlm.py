import json
import zipfile

import numpy as np
import pytest

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.io.tables.parts import TableParts
from truevar.io.tables.table import read_emitters, write_emitters, write_parts


def write_smlm(path, headers, types, values, units=None, shapes=None, tables=1, **changes):
    form = {
        "type": "table",
        "mode": "binary",
        "headers": headers,
        "dtype": types,
        "shape": shapes or [1] * len(headers),
        "units": units or ["nm"] * len(headers),
    }
    info = {"type": "table", "format": "f", "rows": len(values), "offset": {}, **changes}
    files = [{"name": f"t{number}.bin", **info} for number in range(tables)]
    manifest = {"format_version": "0.2", "formats": {"f": form}, "files": files}
    content = b"".join(
        np.asarray(value, kind).tobytes()
        for row in values
        for value, kind in zip(row, types, strict=True)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for number in range(tables):
            archive.writestr(f"t{number}.bin", content)


def test_reading(tmp_path):
    path = tmp_path / "a.smlm"
    headers, types = ["frame", "x", "y", "intensity"], ["uint32", "float32", "float64", "uint16"]
    units = ["", "um", "nm", "photon"]
    write_smlm(path, headers, types, [(3, 0.5, 70.5, 9), (4, 0.25, 1, 8)], units, offset={"y": 2})
    table = read_emitters(path)
    assert (table.x.tolist(), table.y.tolist()) == ([500, 250], [72.5, 3])
    assert (table.frame.tolist(), table.photons.tolist()) == ([3, 4], [9, 8])
    assert ["counted from the centre" in note for note in table.meta["notes"]] == [True]
    write_smlm(path, headers, types, [(3, 2, 3, 9)], ["", "px", "pixel", "ADU"])
    with pytest.raises(UserError, match="pixel_size=NM"):
        read_emitters(path)
    table = read_emitters(path, 100)
    assert (table.x[0], table.y[0]) == (200, 300)
    assert "the unit of the intensity" in table.meta["notes"][1]


def test_several_tables_and_columns_that_cannot_be_kept(tmp_path):
    path = tmp_path / "a.smlm"
    row = [(1.0, 2.0, np.zeros((2, 2)))]
    write_smlm(path, ["x", "y", "patch"], ["float32"] * 3, row, shapes=["1", 1, [2, 2]], tables=2)
    table = read_emitters(path)
    assert (table.x.tolist(), table["table"].tolist()) == ([1, 1], [0, 1])
    assert table.frame.tolist() == [0, 0]
    assert any("no frames" in note for note in table.meta["notes"])
    assert any("'patch'" in note for note in table.meta["notes"])


def test_what_is_written(tmp_path):
    columns = {"frame": [4], "x": [300.0], "y": [50.0], "photons": [9.0], "sigma_x": [20.0]}
    table = Emitters({**columns, "step": [-7]}, {"pixel_size": 100.0})
    write_emitters(table, tmp_path / "a.smlm")
    with zipfile.ZipFile(tmp_path / "a.smlm") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        content = archive.read("table.bin")
    (form,) = manifest["formats"].values()
    assert manifest["format_version"] == "0.2"
    assert form["headers"] == ["frame", "x", "y", "intensity", "x_precision", "step"]
    assert form["units"] == ["frame", "nm", "nm", "photon", "nm", ""]
    assert form["dtype"] == ["uint32", "float64", "float64", "float32", "float32", "uint32"]
    assert manifest["files"][0]["offset"] == {"step": -7}
    assert len(content) == 4 + 8 + 8 + 4 + 4 + 4
    assert np.frombuffer(content, "<u4", 1)[0] == 4
    assert np.frombuffer(content, "<f8", 2, 4).tolist() == [300, 50]
    with pytest.raises(UserError, match="'intensity' has a name"):
        write_emitters(table.with_columns(intensity=[1]), tmp_path / "b.smlm")
    assert not (tmp_path / "b.smlm").exists()


def test_parts(tmp_path):
    """Ranges of whole numbers are those of all parts."""
    parts = [
        Emitters({"frame": [n], "x": [n], "y": [0.0], "wide": [n * 2**40], "low": [-n]}, {})
        for n in range(3)
    ]
    write_parts(TableParts(lambda: parts, 3, {"pixel_size": 100.0}), tmp_path / "a.smlm")
    table = read_emitters(tmp_path / "a.smlm")
    assert table["wide"].tolist() == [0, 2**40, 2**41]
    assert table["low"].tolist() == [0, -1, -2]
    assert table["low"].dtype == np.int64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": 3}, "is truncated: it announces 3 rows and holds 1"),
        ({"rows": -1}, "truncated"),
        ({"name": "none.bin"}, "no SMLM file, or a damaged one"),
        ({"format": "g"}, "no SMLM file, or a damaged one"),
        ({"type": "image"}, "holds no binary table"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, change, said):
    write_smlm(tmp_path / "a.smlm", ["x", "y"], ["float32"] * 2, [(1, 2)], **change)
    with pytest.raises(UserError, match=said):
        read_emitters(tmp_path / "a.smlm")


def test_contents_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.smlm"
    for headers, types, row, units, said in (
        (["x", "frame"], ["float32"] * 2, (1, 2), None, "lacks the column 'y'"),
        (["x", "y"], ["float32", "float16"], (1, 2), None, "of the type 'float16'"),
        (["x", "y"], ["float32"] * 2, (1, np.nan), None, "row 1: a position is not a number"),
        (["x", "y"], ["float32"] * 2, (1, 2), ["inch", "nm"], "x in 'inch'"),
    ):
        write_smlm(path, headers, types, [row], units)
        with pytest.raises(UserError, match=said):
            read_emitters(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(UserError, match="a zip with manifest.json"):
        read_emitters(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", '{"format_version": "1.0"}')
    with pytest.raises(UserError, match=r"is SMLM 1\.0; only version 0\.2"):
        read_emitters(path)
    path.write_text("text")
    with pytest.raises(UserError, match="is not a zip"):
        read_emitters(path)


def test_a_real_table(shared_data):
    table = read_emitters(shared_data / "tables/locan-samples/SMLM_dstorm_data.smlm")
    assert (len(table), table.frame.tolist()) == (10, [0] * 10)
    assert table.x.min() == pytest.approx(1653.34)
    assert table.y.max() == pytest.approx(18577.3)
    assert table["original_index"].tolist() == list(range(1, 11))
