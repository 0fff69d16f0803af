import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters


def test_reading(tmp_path):
    path = tmp_path / "a.txt"
    names = ["Position-0-0", "Position-1-0", "ImageNumber-0-0", "Amplitude-0-0"]
    fields = "".join(f'<field identifier="{name}" unit="nanometer" />' for name in names)
    path.write_text(f"# <localizations>{fields}</localizations>\n100 200.5 0 5\n1e2 2 7 5\n")
    table = read_emitters(path)
    assert (table.x.tolist(), table.y.tolist()) == ([100, 100], [200.5, 2])
    assert table.frame.tolist() == [0, 7]
    path.write_text(f"# <localizations>{fields}</localizations>\n100 200.5 0\n")
    with pytest.raises(UserError, match="line 2: 3 fields"):
        read_emitters(path)


def test_a_real_table(shared_data):
    assert len(read_emitters(shared_data / "tables/locan-samples/rapidSTORM_dstorm_data.txt")) == 14
