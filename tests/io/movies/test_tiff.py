"""TIFFs of every kind give the same frames; damaged ones none."""

import os
import struct

import numpy as np
import pytest
import tifffile

from truevar.errors import UserError
from truevar.io.movies.movie import open_movie
from truevar.io.movies.stored import StoredFrames


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 60000, (12, 20, 24)).astype(np.uint16)


def write_page_by_page(path, frames, **options):
    with tifffile.TiffWriter(path) as file:
        for frame in frames:
            file.write(frame, contiguous=False, photometric="minisblack", metadata=None, **options)


WRITERS = {
    "plain": lambda path, a: tifffile.imwrite(path, a, photometric="minisblack", metadata=None),
    "pages": write_page_by_page,
    "strips": lambda path, a: write_page_by_page(path, a, rowsperstrip=3),
    "big-endian": lambda path, a: tifffile.imwrite(
        path, a, photometric="minisblack", byteorder=">", metadata=None
    ),
    "bigtiff": lambda path, a: tifffile.imwrite(path, a, photometric="minisblack", bigtiff=True),
    "tifffile": lambda path, a: tifffile.imwrite(path, a, photometric="minisblack"),
    "deflate": lambda path, a: write_page_by_page(path, a, compression="zlib"),
    "predictor": lambda path, a: write_page_by_page(path, a, compression="zlib", predictor=True),
    "tiles": lambda path, a: write_page_by_page(path, a, tile=(16, 16)),
    "imagej-t": lambda path, a: tifffile.imwrite(path, a, imagej=True, metadata={"axes": "TYX"}),
    "imagej-z": lambda path, a: tifffile.imwrite(path, a, imagej=True, metadata={"axes": "ZYX"}),
    "ome-t": lambda path, a: tifffile.imwrite(
        path, a, ome=True, photometric="minisblack", metadata={"axes": "TYX"}
    ),
    "ome-z-deflate": lambda path, a: tifffile.imwrite(
        path,
        a,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        metadata={"axes": "ZYX"},
    ),
    "ome-5d": lambda path, a: tifffile.imwrite(
        path,
        a[:, None, None],
        ome=True,
        photometric="minisblack",
        metadata={"axes": "TCZYX"},
    ),
    "imagej-mislabelled": lambda path, a: tifffile.imwrite(
        path, a, imagej=True, metadata={"axes": "CYX"}
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_reads_the_same_frames(tmp_path, frames, kind):
    path = tmp_path / "movie.tif"
    WRITERS[kind](path, frames)
    with open_movie(path) as movie:
        assert movie.shape == frames.shape
        assert movie.dtype == np.uint16
        assert movie.dtype.isnative
        np.testing.assert_array_equal(movie.read(0, len(movie)), frames)
        np.testing.assert_array_equal(movie.read(5, 7), frames[5:7])
        np.testing.assert_array_equal(movie.read(11, 99), frames[11:])
        assert movie.read(3, 3).shape == (0, 20, 24)
    with open_movie(path, frames=(2, None), roi=(1, 18, 3, 20)) as movie:
        assert (movie.first_frame, movie.x0, movie.y0) == (2, 1, 3)
        np.testing.assert_array_equal(movie.read(1, 9), frames[3:11, 3:20, 1:18])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "uint32"])
def test_other_numbers(tmp_path, frames, dtype):
    tifffile.imwrite(tmp_path / "a.tif", frames.astype(dtype), photometric="minisblack")
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.dtype == dtype
        np.testing.assert_array_equal(movie.read(0, 12), frames.astype(dtype))


def test_one_frame(tmp_path, frames):
    tifffile.imwrite(tmp_path / "a.tif", frames[0])
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.shape == (1, 20, 24)


def test_uncompressed_pages_are_read_without_decoder(tmp_path, frames):
    write_page_by_page(tmp_path / "a.tif", frames)
    with open_movie(tmp_path / "a.tif") as movie:
        assert isinstance(movie._source, StoredFrames)


def test_stk(tmp_path, frames):
    # Metamorph's stacks have one page, and tags whose counts tell the planes behind it.
    path = tmp_path / "a.stk"
    planes = len(frames)
    uic1 = np.array([[number, 1] for number in range(4)], "<u4")
    uic2 = np.array([[0, 1, 2457000, 100 * i, 2457000, 0] for i in range(planes)], "<u4")
    extra = [
        (33628, 4, uic1.size, uic1.tobytes(), True),
        (33629, 5, uic2.size // 2, uic2.tobytes(), True),
    ]
    tifffile.imwrite(path, frames, photometric=1, metadata=None, extratags=extra, rowsperstrip=20)
    cut = bytearray(path.read_bytes())
    (ifd,) = struct.unpack_from("<I", cut, 4)
    (count,) = struct.unpack_from("<H", cut, ifd)
    for number in range(count):
        tag = ifd + 2 + 12 * number
        code = struct.unpack_from("<H", cut, tag)[0]
        if code in (33628, 33629):  # which count pairs and planes, whatever their bytes
            struct.pack_into("<I", cut, tag + 4, len(uic1) if code == 33628 else planes)
    struct.pack_into("<I", cut, ifd + 2 + 12 * count, 0)  # no second page
    path.write_bytes(cut)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_stk
    with open_movie(path) as movie:
        assert movie.shape == frames.shape
        np.testing.assert_array_equal(movie.read(0, planes), frames)
    os.truncate(path, frames.nbytes // 2)
    with pytest.raises(UserError):
        open_movie(path)


def test_imagej_over_4_gb(tmp_path):
    # One page describes all frames, which lie behind one another: ImageJ's way past 4 GB.
    path = tmp_path / "big.tif"
    count, side = 17000, 360
    frame = np.arange(side * side, dtype=np.uint16).reshape(side, side)
    description = f"ImageJ=1.54f\nimages={count}\nframes={count}\nhyperstack=true\n".encode()
    tifffile.imwrite(
        path, frame, byteorder=">", description=description, metadata=None, photometric=1
    )
    with tifffile.TiffFile(path) as tif:
        begin = tif.pages[0].dataoffsets[0]
    one = frame.nbytes
    with open(path, "r+b") as file:
        file.truncate(begin + count * one)  # sparse: takes no room on the disk
        file.seek(begin + (count - 1) * one)
        file.write((frame + 1).astype(">u2").tobytes())
    assert path.stat().st_size > 2**32
    with open_movie(path) as movie:
        assert movie.shape == (count, side, side)
        np.testing.assert_array_equal(movie.read(0, 1)[0], frame)
        np.testing.assert_array_equal(movie.read(count - 2, count)[1], frame + 1)
    os.truncate(path, begin + (count - 1) * one + 10)
    with pytest.raises(UserError, match="truncated"):
        open_movie(path)


def test_ome_in_several_files(tmp_path, frames):
    uuids = ["urn:uuid:00000000-0000-0000-0000-00000000000" + str(i) for i in range(2)]
    names = ["m.ome.tif", "m_1.ome.tif"]
    data = "".join(
        f'<TiffData FirstT="{t}" FirstC="0" FirstZ="0" IFD="{t % 6}" PlaneCount="1">'
        f'<UUID FileName="{names[t // 6]}">{uuids[t // 6]}</UUID></TiffData>'
        for t in range(12)
    )
    for index, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[index]}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="20" SizeZ="1" SizeC="1" '
            'SizeT="12" PhysicalSizeX="0.108" PhysicalSizeY="0.108"><Channel ID="C:0" '
            f'SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / name,
            frames[6 * index : 6 * index + 6],
            description=xml.encode(),
            metadata=None,
            photometric="minisblack",
        )
    with open_movie(tmp_path / names[0]) as movie:
        assert movie.meta["pixel_size"] == pytest.approx(108)
        np.testing.assert_array_equal(movie.read(0, 12), frames)
        np.testing.assert_array_equal(movie.read(4, 8), frames[4:8])
    (tmp_path / names[1]).unlink()
    with open_movie(tmp_path / names[0]) as movie:
        assert len(movie) == 6
        assert "announces 12 frames" in movie.notes[0]


@pytest.mark.parametrize(
    "kind", ["plain", "pages", "strips", "bigtiff", "tifffile", "deflate", "imagej-t", "ome-t"]
)
@pytest.mark.parametrize("share", [0.99, 0.9, 0.5, 0.1, 0.01])
def test_truncated_files_never_open_shorter(tmp_path, frames, kind, share):
    path = tmp_path / "a.tif"
    WRITERS[kind](path, frames)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(UserError) as caught:
        open_movie(path)
    assert "\n" not in str(caught.value)


def test_damaged_compression(tmp_path, frames):
    path = tmp_path / "a.tif"
    write_page_by_page(path, frames, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[7].dataoffsets[0]
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    with open_movie(path) as movie:
        np.testing.assert_array_equal(movie.read(0, 7), frames[:7])
        with pytest.raises(UserError, match="cannot be read as a TIFF"):
            movie.read(7, 8)


@pytest.mark.parametrize("magic", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"nothing"])
def test_noise_is_one_line_and_no_log(tmp_path, capfd, magic):
    random = np.random.default_rng(5)
    for _ in range(30):
        noise = random.integers(0, 256, int(random.integers(0, 400))).astype(np.uint8).tobytes()
        (tmp_path / "a.tif").write_bytes(magic + noise)
        with pytest.raises(UserError) as caught:
            open_movie(tmp_path / "a.tif")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_memory_stays_flat(tmp_path):
    tracemalloc = pytest.importorskip("tracemalloc")
    path = tmp_path / "long.tif"
    frame = np.zeros((16, 16), np.uint16)
    with tifffile.TiffWriter(path) as file:
        for _ in range(4000):
            file.write(frame, contiguous=False, metadata=None, compression="zlib")
    with open_movie(path) as movie:
        movie.read(0, 10)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for start in range(0, len(movie), 100):
            movie.read(start, start + 100)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 100_000


def test_real_tiffs(shared_data):
    with open_movie(shared_data / "real/dstorm-128x128/images.tif") as movie:
        assert movie.shape == (5, 128, 128)
        movie.check_not_empty()
    with open_movie(shared_data / "real/psf-measured-astigmatic/psf_astig.tif") as movie:
        assert movie.shape == (61, 61, 61)
        assert movie.meta["pixel_size"] == pytest.approx(73)
    simulated = shared_data / "simulated/deep-storm-dense-64x64"
    with open_movie(simulated / "testStack_SimulatedMicrotubules.tif") as movie:
        assert movie.shape == (361, 64, 64)
        assert movie.meta["pixel_size"] == pytest.approx(100)
