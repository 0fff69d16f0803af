"""A folder, or a list, of TIFFs as one movie."""

import os
import shutil

import numpy as np
import pytest
import tifffile

from truevar.cli import main
from truevar.errors import UserError
from truevar.io.movies import listed
from truevar.io.movies.folder import by_number
from truevar.io.movies.movie import open_movie


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (15, 20, 24)).astype(np.uint16)


def write(path, frames, **options):
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, frames, photometric="minisblack", metadata=None, ome=False, **options)
    return path


def single_frames(folder, frames, name="img_{}.tif", **options):
    for number, frame in enumerate(frames):
        write(folder / name.format(number), frame, **options)
    return folder


@pytest.fixture
def all_late(monkeypatch):
    """As if the folder had too many files to open each of them first."""
    monkeypatch.setattr(listed, "_FEW", 1)


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that are opened."""
    names = []
    real = listed.open_file

    def counted(path, *rest, **more):
        names.append(path.name)
        return real(path, *rest, **more)

    monkeypatch.setattr(listed, "open_file", counted)
    return names


def refused(source):
    with pytest.raises(UserError) as caught:
        open_movie(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_are_sorted_by_their_numbers():
    names = ["m_10.tif", "m.tif", "m_9.tif", "m_X2.TIF", "M_1.ome.tif", "n1b3.tif", "n1b12.tif"]
    assert sorted(names, key=by_number) == [
        "m.tif",
        "M_1.ome.tif",
        "m_9.tif",
        "m_10.tif",
        "m_X2.TIF",
        "n1b3.tif",
        "n1b12.tif",
    ]
    assert sorted(["1a.tif", "a1.tif", "a.tif", "1.tif"], key=by_number) == [
        "1.tif",
        "1a.tif",
        "a.tif",
        "a1.tif",
    ]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_single_frames(tmp_path, frames, options, late, request):
    if late:
        request.getfixturevalue("all_late")
    folder = single_frames(tmp_path / "movie", frames, **options)
    (folder / "settings.txt").write_text("text")
    (folder / "._img_0.tif").write_bytes(b"what macOS leaves behind")
    with open_movie(folder) as movie:
        assert movie.shape == (15, 20, 24)
        assert (movie.name, movie.path) == ("movie", folder)
        assert movie.notes == [
            "read as one movie: 15 files, img_0.tif, img_1.tif, … to img_14.tif, with frames 1 each"
        ]
        assert movie.warnings == []
        np.testing.assert_array_equal(movie.read(0, 15), frames)
        np.testing.assert_array_equal(movie.read(9, 12), frames[9:12])
        np.testing.assert_array_equal(movie.read(3, 4), frames[3:4])
    with open_movie(folder, frames=(2, 12), roi=(1, 20, 2, 19)) as movie:
        np.testing.assert_array_equal(movie.read(1, 9), frames[3:11, 2:19, 1:20])
    shutil.rmtree(folder)  # closed


def test_files_of_several_frames(tmp_path, frames):
    for number, part in ((1, slice(0, 6)), (2, slice(6, 7)), (11, slice(7, 15))):
        write(tmp_path / "movie" / f"part{number}.tif", frames[part])
    with open_movie(tmp_path / "movie") as movie:
        np.testing.assert_array_equal(movie.read(0, 15), frames)
        np.testing.assert_array_equal(movie.read(5, 8), frames[5:8])
        np.testing.assert_array_equal(movie.read(14, 15), frames[14:])
        assert "part1.tif (6), part2.tif (1), part11.tif (8)" in movie.notes[0]


def test_one_file_in_a_folder(tmp_path, frames):
    write(tmp_path / "movie" / "a.tif", frames)
    with open_movie(tmp_path / "movie") as movie:
        np.testing.assert_array_equal(movie.read(0, 15), frames)
        assert (movie.name, movie.notes) == ("movie", [])


def test_the_folder_one_is_in(tmp_path, frames, monkeypatch):
    monkeypatch.chdir(single_frames(tmp_path / "movie", frames))
    with open_movie(".") as movie:
        assert (movie.name, len(movie)) == ("movie", 15)


@pytest.mark.usefixtures("all_late")
def test_only_the_first_file_is_opened_before_there_is_a_frame(tmp_path, frames, opened):
    folder = single_frames(tmp_path / "movie", frames, description="x")
    write(folder / "img_7.tif", frames[7], description="other tags are longer")
    with open_movie(folder) as movie:
        assert opened == ["img_0.tif"]
        np.testing.assert_array_equal(movie.read(7, 9), frames[7:9])
        assert opened == ["img_0.tif", "img_7.tif", "img_8.tif"]


@pytest.mark.usefixtures("all_late")
def test_files_of_another_length_are_opened_for_their_frames(tmp_path, frames, opened):
    for number in range(4):
        write(tmp_path / "movie" / f"{number}.tif", frames[4 * number : 4 * number + 4])
    with open_movie(tmp_path / "movie") as movie:
        assert opened == ["0.tif", "3.tif"]
        np.testing.assert_array_equal(movie.read(0, 15), frames)
    assert opened == ["0.tif", "3.tif", "1.tif", "2.tif"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")
def test_files_are_let_go_of(tmp_path, frames):
    folder = single_frames(tmp_path / "movie", frames)
    with open_movie(folder) as movie:
        before = len(os.listdir("/proc/self/fd"))
        movie.read(0, 15)
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_folder_with_nothing_to_read(tmp_path):
    assert f"the folder {tmp_path} holds no TIFF; give a movie" in refused(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "inside.tif").mkdir()
    assert "inside.tif is a folder" in refused(tmp_path)
    (tmp_path / "b.tif").touch()
    (tmp_path / "inside.tif").rmdir()
    assert "b.tif is empty" in refused(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frames: frames[3, :12], "img_3.tif are no parts of one movie: the frames are"),
        (lambda frames: frames[3].astype(np.float32), "img_3.tif are no parts of one movie"),
        (lambda frames: (frames[3] / 256).astype(np.uint8), "24 x 20 px, uint16, and 24 x 20 px, "),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_the_file_that_differs_is_named(tmp_path, frames, change, words, late, request):
    if late:
        request.getfixturevalue("all_late")
    folder = single_frames(tmp_path / "movie", frames)
    write(folder / "img_3.tif", change(frames))
    assert words in refused(folder)


@pytest.mark.usefixtures("all_late")
def test_what_no_size_tells_is_said_when_the_frame_is_read(tmp_path, frames):
    folder = single_frames(tmp_path / "movie", frames)
    write(folder / "img_3.tif", frames[3].reshape(24, 20))
    (folder / "img_5.tif").write_bytes(bytes((folder / "img_5.tif").stat().st_size))
    with open_movie(folder) as movie:
        movie.read(0, 3)
        with pytest.raises(UserError, match="img_3.tif does not go with the files before it: it "):
            movie.read(2, 5)
        with pytest.raises(UserError, match="img_5.tif is not a .tif file"):
            movie.read(5, 6)
        (folder / "img_9.tif").unlink()
        with pytest.raises(UserError, match="there is no file .*img_9.tif"):
            movie.read(9, 10)
        np.testing.assert_array_equal(movie.read(10, 15), frames[10:])


@pytest.mark.parametrize("late", [False, True])
def test_a_truncated_file_is_named(tmp_path, frames, late, request):
    if late:
        request.getfixturevalue("all_late")
    folder = single_frames(tmp_path / "movie", frames)
    os.truncate(folder / "img_4.tif", 500)
    assert "img_4.tif is truncated" in refused(folder)


def test_images_of_micromanager(tmp_path, frames):
    one = single_frames(tmp_path / "one", frames, "img_{:09d}_Default_000.tif")
    two = single_frames(tmp_path / "two", frames, "img_channel000_position000_time{:09d}_z000.tif")
    for folder in (one, two):
        with open_movie(folder) as movie:
            np.testing.assert_array_equal(movie.read(0, 15), frames)
    for folder, name, words in (
        (one, "img_000000003_DAPI_000.tif", "holds 2 channels (such as DAPI and Default)"),
        (one, "img_000000003_Default_001.tif", "holds 2 slices (such as 000 and 001)"),
        (two, "img_channel000_position001_time000000003_z000.tif", "holds 2 positions"),
    ):
        write(folder / name, frames[0])
        assert words in refused(folder)
        (folder / name).unlink()


def test_a_list_is_read_in_its_order(tmp_path, frames):
    folder = single_frames(tmp_path / "movie", frames)
    names = [folder / f"img_{number}.tif" for number in (3, 1, 12)]
    with open_movie(names) as movie:
        np.testing.assert_array_equal(movie.read(0, 3), frames[[3, 1, 12]])
    (folder / "link.tif").hardlink_to(names[0])
    assert "link.tif is given twice" in refused([*names, folder / "link.tif"])
    assert "is a folder; give it alone" in refused([names[0], folder])


def test_axes_are_not_for_tiffs(tmp_path, frames):
    with pytest.raises(UserError, match="leave it out for a folder"):
        open_movie(single_frames(tmp_path / "movie", frames), axes="tyx")


def test_info(tmp_path, frames, capsys):
    folder = single_frames(tmp_path / "movie", frames)
    assert main(["info", str(folder)]) == 0
    assert "15 of 24 x 20 px, uint16" in capsys.readouterr().out


def ome(folder, frames, names, size=6):
    folder.mkdir()
    uuids = [
        f"urn:uuid:00000000-0000-0000-0000-00000000000{number}" for number in range(len(names))
    ]
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="0" FirstZ="0" IFD="{t % size}" PlaneCount="1">'
        f'<UUID FileName="{names[t // size]}">{uuids[t // size]}</UUID></TiffData>'
        for t in range(size * len(names))
    )
    for index, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[index]}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="20" SizeZ="1" SizeC="1" '
            f'SizeT="{size * len(names)}" PhysicalSizeX="0.108" PhysicalSizeY="0.108"><Channel '
            f'ID="C:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        write(folder / name, frames[size * index : size * index + size], description=xml.encode())
    return folder


def test_a_folder_or_list_of_ome_parts_is_read_once(tmp_path, frames):
    names = ["m.ome.tif", "m_1.ome.tif", "m_2.ome.tif"]
    folder = ome(tmp_path / "movie", frames, names, 5)
    for source in (folder, [folder / name for name in names], folder / names[0]):
        with open_movie(source) as movie:
            assert movie.meta["pixel_size"] == pytest.approx(108)
            assert movie.warnings == []
            np.testing.assert_array_equal(movie.read(0, 15), frames)


def test_an_ome_part_that_is_missing_is_named(tmp_path, frames):
    names = ["m.ome.tif", "m_1.ome.tif", "m_2.ome.tif"]
    folder = ome(tmp_path / "movie", frames, names, 5)
    (folder / names[2]).unlink()
    with open_movie(folder / names[0]) as movie:
        np.testing.assert_array_equal(movie.read(0, 99), frames[:10])
        assert movie.warnings == [
            "m.ome.tif names m_2.ome.tif as parts of the movie, which are not beside it: read "
            "without them; copy them there for the whole movie"
        ]
    ome(tmp_path / "other", frames, names, 5)
    (tmp_path / "other" / names[1]).unlink()
    assert "lacks frame 5; are all files" in refused(tmp_path / "other")
    (tmp_path / "other" / names[2]).unlink()
    (tmp_path / "other" / names[0]).rename(tmp_path / "other" / "renamed.ome.tif")
    with open_movie(tmp_path / "other") as movie:
        assert "names m_1.ome.tif, m_2.ome.tif as parts" in movie.warnings[0]


def test_a_part_whose_description_is_in_another_file(tmp_path, frames):
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><BinaryOnly MetadataFile="m.companion.ome" UUID="urn:uuid:1"/></OME>'
    )
    write(tmp_path / "m.ome.tif", frames, description=xml.encode())
    with open_movie(tmp_path / "m.ome.tif") as movie:
        assert len(movie) == 15
        assert "one part of the movie that m.companion.ome describes" in movie.warnings[0]
