"""Frames localised as they come are localised as in a movie."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import truevar
from truevar.camera import SCMOS
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.inference import chunks
from truevar.inference.asked import Asked
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

KNOWN = {"pixel_size": 100.0, "psf_sigma": 130.0, "camera": SCMOS}


@pytest.fixture(scope="module")
def frames():
    return simulate("2d-scmos", 0.7, 36, 28, seed=8).frames()


def test_what_two_of_them_take_is_the_same():
    """Both state their arguments in full, for their users; here they are held equal."""
    frames = dict(inspect.signature(truevar.localize_frames).parameters)
    movie = dict(inspect.signature(truevar.localize).parameters)
    asked = dict(inspect.signature(Asked).parameters)
    assert set(frames) - set(movie) == {"together"}
    assert set(movie) - set(asked) == {"movie", "progress", "announce", "journal", "live"}
    for name in set(frames) - {"frames", "together"}:
        assert frames[name] == movie[name]
    for name in asked:
        said = asked[name].default, asked[name].annotation
        assert (movie[name].default, movie[name].annotation) == said


def joined(parts: list[Emitters]) -> Emitters:
    return Emitters.concat(parts)


def test_taken_together_alike_they_give_the_very_table(model, frames, monkeypatch):
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 16 * 28 * 28)
    whole = truevar.localize(frames, model=model, **KNOWN)
    parts = list(truevar.localize_frames(iter(frames), model=model, together=None, **KNOWN))
    found = joined(parts)
    assert len(found) == len(whole) > 30
    for name in whole:
        np.testing.assert_array_equal(found[name], whole[name])
    ranges = [part.meta["frame_range"] for part in parts]
    assert [first for first, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == 36
    for name in ("pixel_size", "width", "psf_sigma", "camera", "model", "min_prob", "refined"):
        assert parts[0].meta[name] == whole.meta[name]


def test_they_come_after_few_frames_with_the_same_emitters(model, frames):
    taken = 0

    def camera():
        nonlocal taken
        buffer = np.empty_like(frames[0])  # one that is written into again and again
        for frame in frames:
            taken += 1
            buffer[:] = frame
            yield buffer

    for refine, most in ((True, 6 + 3), (False, 6 + 1)):
        taken, parts, late = 0, [], []
        for part in truevar.localize_frames(
            camera(), model=model, refine=refine, together=6, **KNOWN
        ):
            parts.append(part)
            late.append(taken - 1 - part.meta["frame_range"][0])
        assert max(late[1:]) == most  # the first waits for a look at the noise
        assert max(late[0], most) <= 12
        whole = truevar.localize(frames, model=model, refine=refine, **KNOWN)
        found = joined(parts)
        np.testing.assert_array_equal(found.frame, whole.frame)
        for name in ("photons", "bg", "prob"):
            np.testing.assert_allclose(found[name], whole[name], rtol=1e-3, atol=0.01)
        moved = np.hypot(found.x - whole.x, found.y - whole.y) / whole.sigma_x
        if refine:
            assert np.median(moved) < 0.2
            assert moved.max() < 2
        else:
            assert moved.max() < 0.01


def test_blocks_tensors_and_a_region(model, frames):
    given = [torch.from_numpy(frames[:9].astype(np.int32)), frames[9], frames[10:20]]
    roi = (4, 28, 6, 28)
    found = joined(list(truevar.localize_frames(given, model=model, roi=roi, **KNOWN)))
    whole = truevar.localize(frames[:20], model=model, roi=roi, **KNOWN)
    np.testing.assert_array_equal(found.frame, whole.frame)
    assert found.x.min() > 300
    assert found.meta["region"] == [4, 28, 6, 28]


def test_what_is_not_given_is_estimated_from_the_first_frames(model, frames):
    told = []
    parts = list(
        truevar.localize_frames(
            iter(frames[:20]), model=model, pixel_size=100, announce=told.append, camera=SCMOS
        )
    )
    assert 110 < parts[0].meta["psf_sigma"] < 150
    assert any("estimated from" in note for note in told[0].notes)
    assert len(parts) == 3


def test_what_cannot_be_is_refused(model, frames):
    with pytest.raises(UserError, match="together must be"):
        truevar.localize_frames(iter(frames), together=0)
    with pytest.raises(UserError, match="neither a file nor one of"):
        truevar.localize_frames(iter(frames), model="none")
    with pytest.raises(UserError, match="int is none"):
        truevar.localize_frames(5)
    assert list(truevar.localize_frames([], model=model, **KNOWN)) == []
    for wrong, said in (
        ([frames[0], frames[1, :20]], "must be of one size"),
        ([frames[0, 0]], r"\(28,\) uint16 came"),
        ([frames[0], np.full((28, 28), np.nan)], "frame 1"),
    ):
        with pytest.raises(UserError, match=said):
            list(truevar.localize_frames(wrong, model=model, **KNOWN))
