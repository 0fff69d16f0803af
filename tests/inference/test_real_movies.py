"""The shipped model on movies of other people (skipped where they are absent).

Bands, not the last emitter: these movies are few and small, and a model that is better by every
figure may lose an emitter or two of them.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.evaluation.scoring import evaluate

# Their cameras are not known: estimates, which are warned of, are what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore::truevar.errors.TrueVARWarning")


@pytest.fixture
def real(monkeypatch):
    """The script that holds these movies against what others say of them."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    return importlib.import_module("real")


@pytest.mark.slow
def test_single_molecules_found_by_another_program_are_found(shared_data, real):
    folder = shared_data / "real" / "pmhc-af647-128x128"
    reference = real.sdt(folder)
    found = truevar.localize(folder / "pMHC_AF647_200k_000_.npz", pixel_size=160)
    distance = real.nearest(found, 160, reference)
    assert (distance <= 1).mean() >= 0.9
    assert np.median(distance[distance <= 1]) <= 0.2


def test_most_of_the_first_single_molecules_are_found(shared_data, real):
    """The same on a few frames, to notice at once when something is broken."""
    folder = shared_data / "real" / "pmhc-af647-128x128"
    reference = real.sdt(folder)
    first = np.unique(reference[:, 0])[:2].astype(int)
    reference = reference[np.isin(reference[:, 0], first)]
    found = truevar.localize(
        folder / "pMHC_AF647_200k_000_.npz",
        pixel_size=160,
        frames=(int(first[0]), int(first[-1]) + 1),
    )
    assert (real.nearest(found, 160, reference) <= 1).mean() >= 0.7


@pytest.mark.slow
def test_storm_analysis_movie_is_localised_to_its_truth(shared_data):
    folder = shared_data / "simulated" / "storm-analysis-256x256"
    truth = truevar.read(folder / "test_olist.bin", pixel_size=160)
    camera = {"baseline": 100.0, "e_per_adu": 1.0, "read_sigma": 0.0}
    found = truevar.localize(folder / "test.dax", pixel_size=160, psf_sigma=160, camera=camera)
    result = evaluate(
        found, truth, pixel_size=160, width=256, height=256, border=0, dim_share=0, resamples=0
    )
    assert result.jaccard >= 90
    assert result.rmse <= 30


@pytest.mark.slow
def test_dna_paint_agrees_with_picasso(shared_data, real):
    folder = shared_data / "simulated" / "picasso-paint-32x32"
    reference = real.picasso(folder)
    assert len(reference) == 564
    found = truevar.localize(folder / "testdata.raw", pixel_size=100)
    distance = real.nearest(found, 100, reference)
    assert (distance <= 1).mean() >= 0.92
    assert np.median(distance[distance <= 1]) <= 0.15
    assert len(found) <= 1.6 * len(reference)


@pytest.mark.slow
def test_hot_pixels_are_not_taken_for_emitters(shared_data):
    folder = shared_data / "real" / "scmos-256x256"
    maps = np.load(folder / "calib.npy").astype(np.float32).transpose(0, 2, 1)
    hot = maps[1] > 100

    def hot_places(camera_maps):
        """How many pixels with emitters are hot, and how many would be by chance."""
        found = truevar.localize(folder / "sample.dax", pixel_size=160, camera_maps=camera_maps)
        col, row = (np.clip(np.rint(v / 160).astype(int), 0, 255) for v in (found.x, found.y))
        # An emitter that stays on is one place: its frames are no further evidence.
        places = np.unique(np.stack([row, col]), axis=1)
        return hot[tuple(places)].sum(), hot.mean() * places.shape[1]

    with_maps, by_chance = hot_places(maps)
    assert with_maps <= by_chance + 2 * np.sqrt(by_chance)
    assert with_maps < hot_places(None)[0]


def test_maps_that_line_up_only_transposed_are_noticed(shared_data):
    folder = shared_data / "real" / "scmos-256x256"
    maps = np.load(folder / "calib.npy").astype(np.float32)
    options = {"pixel_size": 160, "frames": (0, 4), "psf_sigma": 170, "preview": True}
    wrong = truevar.localize(folder / "sample.dax", camera_maps=maps, **options)
    right = truevar.localize(folder / "sample.dax", camera_maps=maps.transpose(0, 2, 1), **options)
    assert any("transposed" in note for note in wrong.meta["warnings"])
    assert not any("transposed" in note for note in right.meta["warnings"])


@pytest.mark.parametrize("pixel_size", [100.0])
def test_microtubules_are_found_where_the_mean_is_bright(shared_data, pixel_size):
    path = shared_data / "real" / "microtubules-16x16" / "deconSTORM_microtubuledata.mat"
    found = truevar.localize(path, pixel_size=pixel_size, frames=(0, 300))
    assert len(found) > 300
    from truevar.io.movies.movie import open_movie

    with open_movie(path) as movie:
        mean = movie.read(0, 300).mean(0)
    col, row = (np.clip(np.rint(v / pixel_size).astype(int), 0, 15) for v in (found.x, found.y))
    assert mean[row, col].mean() > mean.mean() + 0.3 * mean.std()
