"""Whether what is left of a movie says that model and movie fit, and when they do not."""

from __future__ import annotations

import numpy as np
import pytest

import truevar
from truevar.emitters import Emitters
from truevar.view.report.fit import Fit, fit_of
from truevar.view.report.fit_section import fit_section
from truevar.view.report.frame_sample import FrameSample, sample_frames
from truevar.view.report.section import Told


def told_by_truth(scene: str, density: float, **changed: float) -> tuple[Fit, Fit]:
    """Fit of a movie and its truth, as it is, and with factors to some of the numbers."""
    movie = truevar.simulate(scene, density=density, frames=12, size=64, seed=4)
    frames = dict(enumerate(np.asarray(movie.frames())))
    meta = movie.truth.meta
    camera = {name: value * changed.get(name, 1) for name, value in numbers(meta["camera"])}
    wrong = {**meta, "psf_sigma": meta["psf_sigma"] * changed.get("psf_sigma", 1), "camera": camera}
    fits = [fit_of(frames, Emitters(movie.emitters.columns, one), (0, 0)) for one in (meta, wrong)]
    assert fits[0] is not None
    assert fits[1] is not None
    return fits[0], fits[1]


def numbers(camera: dict[str, object]) -> list[tuple[str, float]]:
    wanted = ("baseline", "e_per_adu", "em_gain", "read_sigma")
    return [(name, float(camera[name])) for name in wanted]  # type: ignore[arg-type]


@pytest.mark.parametrize("scene", ["2d-scmos", "2d-emccd"])
@pytest.mark.parametrize("density", [0.2, 2.0])
def test_the_truth_fits(scene: str, density: float) -> None:
    fit, _ = told_by_truth(scene, density)
    assert fit.all == pytest.approx(1, abs=0.12)
    if density < 1:
        assert fit.alone == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(
    ("name", "factor", "low", "high"),
    [
        ("psf_sigma", 1.25, 1.3, 50),
        ("psf_sigma", 0.8, 1.3, 50),
        ("e_per_adu", 2.0, 2.0, 500),
        ("baseline", 0.8, 1.3, 500),
    ],
)
def test_wrong_numbers_leave_more(name: str, factor: float, low: float, high: float) -> None:
    right, wrong = told_by_truth("2d-scmos", 0.2, **{name: factor})
    assert right.alone < 1.12
    assert low < wrong.alone < high


def test_what_is_there_twice_leaves_more() -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=12, size=64, seed=4)
    frames = dict(enumerate(np.asarray(movie.frames())))
    table = Emitters(movie.emitters.columns, movie.truth.meta)
    beside = table.with_columns(x=table.x + 150, photons=0.5 * table.photons)
    right = fit_of(frames, table, (0, 0))
    twice = fit_of(frames, Emitters(Emitters.concat([table, beside]).columns, table.meta), (0, 0))
    assert right is not None
    assert twice is not None
    assert twice.all > 1.5 * right.all
    assert np.isnan(twice.alone)


def test_a_region_is_told_of_by_its_own_pixels() -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=12, size=64, seed=4)
    frames = {k: frame[20:, 8:] for k, frame in enumerate(np.asarray(movie.frames()))}
    table = Emitters(movie.emitters.columns, movie.truth.meta)
    right, wrong = (fit_of(frames, table, corner) for corner in ((8, 20), (0, 0)))
    assert right is not None
    assert wrong is not None
    assert right.all == pytest.approx(1, abs=0.12)
    assert wrong.all > 2


def test_rows_that_are_no_numbers_are_left_out() -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=12, size=64, seed=4)
    frames = dict(enumerate(np.asarray(movie.frames())))
    table = Emitters(movie.emitters.columns, movie.truth.meta)
    holes = table.select(range(4)).with_columns(x=np.full(4, np.nan), photons=np.full(4, np.inf))
    more = Emitters(Emitters.concat([table, holes]).columns, table.meta)
    assert fit_of(frames, more, (0, 0)) == fit_of(frames, table, (0, 0))


def test_what_is_not_known_is_not_told() -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=5, size=32, seed=4)
    frames = {0: np.zeros((32, 32), np.uint16)}
    columns, meta = movie.truth.columns, movie.truth.meta
    nothing = fit_of({}, movie.truth, (0, 0))
    assert nothing is not None
    assert np.isnan([nothing.alone, nothing.all]).all()
    maps = {**meta, "camera": {**meta["camera"], "per_pixel_maps": True}}
    assert fit_of(frames, Emitters(columns, maps), (0, 0)) is None
    assert fit_of(frames, Emitters(columns, {"pixel_size": 100.0}), (0, 0)) is None
    dim = {name: values for name, values in columns.items() if name != "bg"}
    assert fit_of(frames, Emitters(dim, meta), (0, 0)) is None
    assert fit_section(Told(movie.truth)) is None


@pytest.mark.parametrize(
    ("alone", "together", "words"),
    [
        (1.05, 1.1, ["are what the model takes them for", "no worse"]),
        (0.5, 0.6, ["less noise than", "no worse"]),
        (1.6, 1.7, ["a little different"]),
        (5.0, 5.0, ["Do not trust photons"]),
        (1.0, 2.5, ["are what the model", "two taken for one"]),
        (float("nan"), 2.5, ["too few are alone", "two taken for one"]),
        (float("nan"), float("nan"), ["too few are alone", "too few were found"]),
    ],
)
def test_in_words(alone: float, together: float, words: list[str]) -> None:
    sample = FrameSample({}, fit=Fit(alone, together))
    section = fit_section(Told(truevar.simulate(frames=1, size=16).truth, sample))
    assert section is not None
    for word in words:
        assert word in section.html


@pytest.mark.usefixtures("few_scales")
def test_only_a_table_as_it_was_found_is_told_of(emitters: Emitters) -> None:
    movie = np.random.default_rng(0).poisson(200, (200, 64, 64)).astype(np.uint16)
    assert sample_frames(emitters, movie).fit is not None
    later = Emitters(emitters.columns, {**emitters.meta, "steps": [{"step": "filter"}]})
    assert sample_frames(later, movie).fit is None


def test_what_is_missing_from_the_table_is_proposed() -> None:
    movie = truevar.simulate("2d-scmos", density=0.2, frames=12, size=64, seed=4)
    frames = dict(enumerate(np.asarray(movie.frames())))
    table = Emitters(movie.emitters.columns, movie.truth.meta)
    bright = table["photons"] > 600
    less = table.select(~bright | (np.arange(len(table)) % 3 > 0))
    right, wrong = fit_of(frames, table, (0, 0)), fit_of(frames, less, (0, 0))
    assert right is not None
    assert wrong is not None
    assert right.missed < 0.02
    share = 1 - len(less) / len(table)
    assert wrong.missed == pytest.approx(share, rel=0.4)
    # They lie where rows were left out.
    gone = table.select(bright & (np.arange(len(table)) % 3 == 0))
    inside = np.all([(at > 500) & (at < 5800) for at in (gone.x, gone.y)], axis=0)
    apart = [
        np.hypot(*(wrong.frames[frame].peak_P2 - np.array([y, x]) / 100).T).min(initial=99)
        for frame, x, y in zip(gone.frame[inside], gone.x[inside], gone.y[inside], strict=True)
    ]
    assert np.mean(np.array(apart) < 1) > 0.6


def test_frames_that_are_out_of_focus_stand_out() -> None:
    movie = truevar.simulate("2d-scmos", density=0.3, frames=12, size=64, seed=4)
    frames = dict(enumerate(np.asarray(movie.frames())))
    table = Emitters(movie.emitters.columns, movie.truth.meta)
    frames[3] = frames[7]
    fit = fit_of(frames, table, (0, 0))
    assert fit is not None
    assert fit.bad_frames == 1
    assert not fit.frames[3].fits
    told = Told(table, frames=FrameSample({}, fit=fit))
    section = fit_section(told)
    assert section is not None
    assert "<strong>1</strong> of the 12 frames does not fit" in section.html
