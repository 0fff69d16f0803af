import os

import numpy as np
import pytest
import tifffile
from matplotlib.colors import rgb_to_hsv
from matplotlib.image import imread
from PIL import Image

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.view.picture import save_picture
from truevar.view.render import render

META = {"pixel_size": 100.0, "width": 40, "height": 30}


def test_saved_picture(tmp_path, scattered):
    some = Emitters(scattered(500, 16), META)  # to the upper left
    save_picture(some, tmp_path / "a.png", 10.0)
    image = imread(tmp_path / "a.png")
    assert image.shape[:2] == (300, 400)
    assert os.listdir(tmp_path) == ["a.png"]
    # The bar: 500 nm, white, in the lower right corner.
    white = (image[:, :, :3] == 1).all(2)
    assert white[285:295, 200:].sum(1).max() == 50
    assert not white[:200, :200].all()
    assert image[:, :, :3].max() == 1


def test_bars_can_be_left_out(tmp_path, scattered):
    some = scattered(50)
    images = []
    for k, (scale_bar, colour_bar) in enumerate([(1, 1), (1, 0), (0, 1), (0, 0)]):
        bars = {"scale_bar": bool(scale_bar), "colour_bar": bool(colour_bar)}
        save_picture(some, tmp_path / f"{k}.png", **bars)
        images.append(imread(tmp_path / f"{k}.png")[700:, :, :3])
    both, scale, colour, none = images
    half = both.shape[1] // 2
    np.testing.assert_array_equal(scale[:, :half], none[:, :half])
    np.testing.assert_array_equal(colour[:, half:], none[:, half:])
    for image, side in ((scale, slice(half, None)), (colour, slice(0, half))):
        assert image[:, side].mean() > none[:, side].mean() + 0.01
        np.testing.assert_array_equal(both[:, side], image[:, side])


def test_nothing_is_black(tmp_path):
    picture = save_picture(Emitters.empty(meta=META), tmp_path / "a.png", 100.0)
    assert imread(tmp_path / "a.png")[:, :, :3].max() == 0  # too small for bars
    assert picture.localisations == 0
    for colour in ("time", "photons"):
        save_picture(Emitters.empty(meta=META), tmp_path / f"{colour}.png", colour=colour)


def test_early_and_late_have_different_hues(tmp_path):
    # Early ones to the left, late ones to the right, both in the middle.
    x = np.repeat([500.0, 3500.0, 2000.0, 2000.0], 50)
    frame = np.repeat([0, 1000, 0, 1000], 50)
    table = Emitters(
        {"frame": frame, "x": x, "y": np.full(200, 500.0), "z": -frame.astype(float)}, META
    )
    for colour, left, right in (("time", 0.75, 0.0), ("depth", 0.0, 0.75)):
        picture = save_picture(table, tmp_path / f"{colour}.png", 10.0, colour=colour)
        assert (picture.scale.low, picture.scale.high) in [(0, 1000), (-1000, 0)]
        image = imread(tmp_path / f"{colour}.png")[50:60, :, :3]
        hue = [rgb_to_hsv(image[5, column])[0] for column in (55, 355)]
        assert hue == pytest.approx([left, right], abs=0.1)
        mixed = image[5, 205]
        assert mixed[0] > 0.6  # of red
        assert mixed[2] > 0.3  # and violet
        assert mixed[1] < 0.4
    assert image[5, 55].max() == image[5, 355].max()  # as dense, as bright


def test_colour_only_of_what_is_in_the_field(tmp_path, scattered):
    table = scattered(4000)
    extent = (0.0, 5000.0, 0.0, 5000.0)
    near = (table.x < 5000) & (table.y < 5000)
    table = table.with_columns(z=np.where(near, 10.0 + table.x / 1000, 900.0))
    picture = save_picture(table, tmp_path / "a.png", extent=extent, colour="depth")
    assert 10 <= picture.scale.low < picture.scale.high <= 15


def test_what_a_png_says_about_itself(tmp_path, scattered):
    picture = save_picture(scattered(70), tmp_path / "a.png", 50.0, style="histogram")
    with Image.open(tmp_path / "a.png") as image:
        said = image.text
    assert said["Software"] == f"TrueVAR {truevar.__version__}"
    assert said["Pixel size"] == "50 nm"
    assert said["Description"].startswith("70 localisations, histogram, density 0 to ")
    assert said["Field"] == "x -0.05 to 25.55, y -0.05 to 25.55 um"
    assert "512 x 512 px of 50 nm, 70 localisations" in picture.text()


@pytest.mark.parametrize("name", ["a.ome.tif", "a.tif", "a.TIFF"])
def test_counts_in_an_ome_tiff(tmp_path, name, scattered):
    table = scattered(300)
    save_picture(table, tmp_path / name, 40.0, percentile=50.0)
    with tifffile.TiffFile(tmp_path / name) as file:
        assert file.is_ome
        counts = file.asarray()
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        tags = file.pages[0].tags
        numerator, denominator = tags["XResolution"].value
        assert tags["ResolutionUnit"].value == 3  # centimetres
        assert numerator / denominator == pytest.approx(1e7 / 40)
        assert tags["Software"].value.startswith("TrueVAR")
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, render(table, 40.0))  # untouched by the contrast
    for axis in "XY":
        assert pixels[f"PhysicalSize{axis}"] == pytest.approx(0.04)
        assert pixels[f"PhysicalSize{axis}Unit"] == "µm"
    assert (pixels["SizeX"], pixels["SizeY"]) == (640, 640)


def test_colours_in_an_ome_tiff(tmp_path, scattered):
    table = scattered(300)
    for name in ("a.tif", "a.png"):
        save_picture(table, tmp_path / name, 40.0, colour="photons")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.RGB
        colours = file.asarray()
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert pixels["PhysicalSizeX"] == pytest.approx(0.04)
    png = np.round(imread(tmp_path / "a.png")[:, :, :3] * 255).astype(np.uint8)
    np.testing.assert_array_equal(colours, png)


def test_lone_ones_are_wide_enough_to_be_seen(tmp_path, scattered):
    for name in ("a.png", "a.tif"):
        save_picture(scattered(5), tmp_path / name, scale_bar=False, colour_bar=False)
    image = imread(tmp_path / "a.png")[:, :, :3].max(2)
    assert (image > 0.3).sum() >= 5 * 9
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), render(scattered(5)))


def test_nothing_is_written_on_error(tmp_path, scattered):
    table = scattered(5)
    for name, how, said in (
        ("a.jpg", {}, r"must be \.png, \.tif or \.ome\.tif"),
        ("no/a.png", {}, "no folder"),
        ("a.png", {"colour": "depth"}, "no column 'z'"),
        ("a.png", {"style": "dots"}, "style is 'dots'"),
        ("a.tif", {"percentile": 101}, "percentile is 101; give a number from 0 to 100"),
        ("a.tif", {"gamma": 0}, "gamma is 0; give a number"),
        ("a.tif", {"pixel_size": 0.01}, "too large"),
        ("a.tif", {"extent": (5, 5, 0, 9)}, "cannot go from"),
    ):
        with pytest.raises(UserError, match=said):
            save_picture(table, tmp_path / name, **how)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.png", "a.ome.tif"])
def test_a_picture_is_replaced_only_where_that_is_wanted(tmp_path, name):
    table = Emitters({"frame": [0], "x": [100.0], "y": [100.0]})
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(UserError, match=rf"{name} exists already.*overwrite=True"):
        save_picture(table, path)
    assert path.read_text() == "old"
    save_picture(table, path, overwrite=True)
    assert path.read_bytes()[:4] in (b"\x89PNG", b"II*\0")
