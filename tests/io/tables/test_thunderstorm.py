import numpy as np
import pytest

from truevar.errors import UserError
from truevar.io.tables.table import read_emitters

HEAD = '"id","frame","x [nm]","y [nm]","uncertainty [nm]"'


def read(tmp_path, text, **options):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_emitters(path, **{"pixel_size": 100, **options})


def test_old_name_of_the_uncertainty(tmp_path):
    table = read(tmp_path, f"{HEAD}\n1,1,150,250,12\n2,3,50,50,13\n")
    assert table.frame.tolist() == [0, 2]
    assert table.x.tolist() == [100, 0]
    assert table.y.tolist() == [200, 0]
    assert table.sigma_x.tolist() == table.sigma_y.tolist() == [12, 13]
    assert "id" not in table  # ThunderSTORM's only numbers the rows


def test_headers_as_they_are_met(tmp_path):
    row = "1.0,1.0,150,250,12\n"
    for head in (HEAD.replace('"', ""), '"' + HEAD.replace('"', '""')[2:], "\ufeff" + HEAD):
        assert read(tmp_path, f"{head}\r\n{row}").x.tolist() == [100]


def test_other_units(tmp_path):
    table = read(tmp_path, "frame,x [px],y [um],intensity [ADU]\n1,1.5,0.25,7\n")
    assert (table.x.tolist(), table.y.tolist()) == ([100], [200])
    assert "photons" not in table


def test_widths_along_x_and_y(tmp_path):
    table = read(tmp_path, "frame,x [nm],y [nm],sigma1 [nm],sigma2 [nm]\n1,1,1,100,400\n")
    assert table.psf_sigma.tolist() == [200]


def test_frames_from_0_are_taken_so(tmp_path):
    table = read(tmp_path, f"{HEAD}\n1,0,150,250,12\n2,1,50,50,13\n")
    assert table.frame.tolist() == [0, 1]
    assert "count from 0" in table.meta["notes"][0]


def test_empty_fields(tmp_path):
    table = read(tmp_path, f"{HEAD}\n1,1,150,250,\n\n2,2,50,50,NaN\n")
    assert np.isnan(table.sigma_x).all()
    assert len(read(tmp_path, HEAD)) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}\n1,1,150,250,12\n2,1,150\n", "line 3: 3 fields"),
        (f"{HEAD}\n1,1,150,two,12\n", "line 2: a field is not a number"),
        (f"{HEAD}\n1,1,,250,12\n", "row 1: a position is not a number"),
        (f"{HEAD}\n1,1,inf,250,12\n", "row 1: a position is not a number"),
        (f"{HEAD}\n1,1.5,150,250,12\n", "not whole numbers"),
        (f"{HEAD}\n1,,150,250,12\n", "not whole numbers"),
        (f"{HEAD}\n1,-3,150,250,12\n", "count from 1"),
        (f"{HEAD}\n1,1e300,150,250,12\n", "no movie has"),
        (f"{HEAD}\n1,1,1e300,250,12\n", "row 1: a position is not a number"),
        ("frame,x,y\n1,2,3\n", "units such as"),
        ("frame,x [mile],y [nm]\n1,2,3\n", "x in a unit not known"),
        ("some,text\n1,2\n", "lacks the column frame"),
        ('"' + "some text " * 20_000 + "\n1,2\n", "lacks the column frame"),
        (b"\xff\xfe\x00", "not a text file"),
        (HEAD.encode() + b"\n1,1,\xff,250,12\n", "not a text file"),
    ],
)
def test_what_is_no_table(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_real_tables(shared_data):
    samples = shared_data / "tables/locan-samples"
    table = read_emitters(samples / "Thunderstorm_dstorm_data.csv", 100)
    assert (len(table), table.frame[0]) == (19, 2000)
    assert table.x[0] == pytest.approx(1320.109670647555 - 50)
    assert table.sigma_x[0] == pytest.approx(22.93255128689051)


def test_the_corner_is_the_origin(shared_data):
    # ThunderSTORM's own simulated movie: its spots must be where we say they are.
    from truevar.io.movies.movie import open_movie

    folder = shared_data / "simulated/deep-storm-dense-64x64"
    table = read_emitters(folder / "positions_demo1.csv", 100)
    with open_movie(folder / "ArtificialDataset_demo1.tif") as movie:
        block = movie.read(0, 20).astype(float)
    inside = (abs(table.x - 3150) < 2900) & (abs(table.y - 3150) < 2900)
    table = table.select(inside)
    grid = np.arange(64)
    scores = {}
    for shift in (-0.5, 0.0, 0.5):
        drawn = np.zeros_like(block)
        for frame, rows in table.by_frame().items():
            along_x = np.exp(-((grid - table.x[rows, None] / 100 - shift) ** 2) / 2.4)
            along_y = np.exp(-((grid - table.y[rows, None] / 100 - shift) ** 2) / 2.4)
            drawn[frame] = np.einsum("ny,nx,n->yx", along_y, along_x, table.photons[rows])
        scores[shift] = np.corrcoef(drawn[:, 8:56, 8:56].ravel(), block[:, 8:56, 8:56].ravel())[
            0, 1
        ]
    assert max(scores, key=scores.get) == 0.0
    assert scores[0.0] > 0.95
