"""Joint draws in place of a table with probabilities."""

from __future__ import annotations

import numpy as np
import pytest

import truevar
from truevar.errors import UserError
from truevar.inference.asked import Asked
from truevar.inference.journal import Journal
from truevar.inference.localize import localize_to_disk
from truevar.postprocess.drift import correct_drift
from truevar.simulation.scenes import simulate

HOW = {
    "pixel_size": 100.0,
    "psf_sigma": 130.0,
    "camera": truevar.Camera(100.0, 0.5, 1.0, 1.5),
    "model": "true-var-small",
}


@pytest.fixture(scope="module")
def movie():
    return simulate("2d-scmos", 0.5, 40, 32, seed=4).frames()


@pytest.fixture(scope="module")
def drawn(movie):
    return truevar.localize(movie, samples=3, **HOW)


def test_every_sample_is_a_whole_answer(movie, drawn):
    table = truevar.localize(movie, **HOW)
    assert drawn.meta["samples"] == 3
    assert set(drawn["sample"]) == {0, 1, 2}
    assert "sample" not in table
    for sample in range(3):
        one = drawn.select(drawn["sample"] == sample)
        assert len(one) == pytest.approx(table["prob"].sum(), rel=0.2)
        one.need_one_answer()
    order = np.lexsort((drawn["sample"], drawn.frame))
    np.testing.assert_array_equal(order, np.arange(len(drawn)))


def test_a_run_that_goes_on_draws_the_same(tmp_path, movie, drawn, monkeypatch):
    # Chunks of 16 frames; the second run finds the first ones done.
    monkeypatch.setattr("truevar.inference.chunks._CHUNK_PIXELS", 16 * 32 * 32)

    class KilledError(Exception):
        pass

    def kill(done, _total, _found):
        if done > 20:
            raise KilledError

    whole = truevar.localize(movie, samples=3, **HOW)
    path = tmp_path / "drawn.csv"
    with pytest.raises(KilledError), Journal(path) as journal:
        localize_to_disk(movie, journal, Asked(samples=3, **HOW), progress=kill)
    with Journal(path, resume=True) as journal:
        assert journal.done
        found = localize_to_disk(movie, journal, Asked(samples=3, **HOW))
        found.write(path)
    read = truevar.read(path)
    assert len(read) == len(whole)
    np.testing.assert_array_equal(read["sample"], whole["sample"])
    np.testing.assert_allclose(read.x, whole.x, atol=1e-3)
    with Journal(tmp_path / "other.csv") as journal:
        localize_to_disk(movie, journal, Asked(samples=3, **HOW))
        with pytest.raises(UserError, match="samples was 3, and is 2 now"):
            localize_to_disk(movie, journal, Asked(samples=2, **HOW))


@pytest.mark.parametrize("ending", [".csv", ".hdf5"])
def test_files_keep_the_samples(tmp_path, drawn, ending):
    path = tmp_path / f"drawn{ending}"
    truevar.write(drawn, path)
    read = truevar.read(path)
    np.testing.assert_array_equal(read["sample"], drawn["sample"])
    assert read.meta["samples"] == 3


@pytest.mark.parametrize(
    "use",
    [
        truevar.link,
        correct_drift,
        truevar.fourier_ring,
        lambda table: truevar.evaluate(table, table),
    ],
    ids=["link", "drift", "frc", "evaluate"],
)
def test_what_needs_one_answer_does_not_take_several(drawn, use):
    with pytest.raises(UserError, match="one at most can be true; take one"):
        use(drawn)


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, "2"])
def test_numbers_of_samples_that_are_none(movie, samples):
    with pytest.raises(UserError, match="samples must be a whole number of at least 1"):
        truevar.localize(movie, samples=samples, **HOW)


def test_a_preview_is_not_drawn_from(movie):
    with pytest.raises(UserError, match="a preview has no samples"):
        truevar.localize(movie, samples=1, preview=True, **HOW)
