import numpy as np
import pytest

from truevar.camera import SCMOS
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.evaluation.limits import single_emitter_bound
from truevar.postprocess.linking import link
from truevar.simulation.scenes import simulate


def table(rows, **meta):
    """frame, x, y, photons, sigma of every row."""
    frame, x, y, photons, sigma = np.array(rows, float).reshape(-1, 5).T
    columns = {"frame": frame.astype(int), "x": x, "y": y, "photons": photons}
    columns |= {"bg": 10 + 0 * x, "sigma_x": sigma, "sigma_y": sigma, "prob": 0.5 + 0 * x}
    columns |= {"sigma_photons": np.sqrt(photons)}
    return Emitters(columns, meta)


def test_one_molecule_over_three_frames_beside_another():
    linked = link(
        table(
            [
                [0, 100, 100, 500, 10],
                [0, 900, 100, 400, 10],
                [1, 110, 104, 1000, 5],
                [2, 104, 100, 500, 10],
                [9, 104, 100, 300, 10],
            ],
            pixel_size=100.0,
        )
    )
    molecules = linked.emitters
    assert linked.molecule_N.tolist() == [0, 1, 0, 0, 2]
    assert molecules.frame.tolist() == [0, 0, 9]
    assert molecules["last_frame"].tolist() == [2, 0, 9]
    assert molecules["detections"].tolist() == [3, 1, 1]
    assert molecules.photons.tolist() == [2000, 400, 300]
    # Weights 1, 4, 1: the middle one has half the error.
    assert molecules.x[0] == pytest.approx((100 + 4 * 110 + 104) / 6)
    assert molecules.sigma_x[0] == pytest.approx(10 / np.sqrt(6))
    assert molecules.sigma_photons[0] == pytest.approx(np.sqrt(2000))
    assert molecules.bg[0] == 10
    assert molecules.meta["pixel_size"] == 100.0
    assert molecules.meta["steps"][-1]["step"] == "link"
    assert "5 localisations to 3 molecules" in linked.text()


def test_a_gap_is_bridged_only_if_asked():
    rows = table([[0, 0, 0, 100, 10], [2, 5, 0, 100, 10], [3, 0, 5, 100, 10]])
    assert len(link(rows).emitters) == 2
    linked = link(rows, gap=1)
    assert linked.emitters["detections"].tolist() == [3]
    assert linked.on_time == 3.0


def test_the_radius_goes_before_the_errors():
    rows = table([[0, 0, 0, 100, 1], [1, 30, 0, 100, 1]])
    assert len(link(rows).emitters) == 2
    assert len(link(rows, radius=40).emitters) == 1
    assert len(link(rows, radius=20).emitters) == 2


def test_the_nearest_pairs_are_joined_first_and_each_once():
    rows = table(
        [[0, 0, 0, 100, 10], [0, 40, 0, 100, 10], [1, 38, 0, 100, 10], [1, 10, 0, 100, 10]]
    )
    linked = link(rows, radius=100)
    assert linked.molecule_N.tolist() == [0, 1, 1, 0]
    # Two in one frame are never one molecule.
    assert len(link(table([[0, 0, 0, 1, 10], [0, 1, 0, 1, 10]]), radius=100).emitters) == 2


def test_the_order_of_rows_does_not_matter():
    truth = simulate("2d-scmos", 0.2, 50, 64, 5).truth
    rows = truth.with_columns(sigma_x=np.full(len(truth), 8.0), sigma_y=np.full(len(truth), 8.0))
    shuffled = np.random.default_rng(0).permutation(len(rows))
    a, b = link(rows), link(rows.select(shuffled))
    np.testing.assert_array_equal(a.molecule_N[shuffled], b.molecule_N)
    np.testing.assert_allclose(a.emitters.x, b.emitters.x)


def test_molecules_of_a_simulated_movie():
    """At 0.2 per µm², localised at the bound: 97 % of true joins made, 1 % false at most."""
    truth = simulate("2d-scmos", 0.2, 400, 128, 11).truth
    px = truth.meta["pixel_size"]
    found = truth.photons > 50
    truth = truth.select(found)
    bound = single_emitter_bound(truth.photons, truth.bg, 1.3, SCMOS)
    random = np.random.default_rng(1)
    noisy = truth.with_columns(
        x=truth.x + px * bound.x * random.standard_normal(len(truth)),
        y=truth.y + px * bound.y * random.standard_normal(len(truth)),
        sigma_x=px * bound.x,
        sigma_y=px * bound.y,
    )
    linked = link(noisy)
    order = np.lexsort((truth.frame, truth["id"]))
    a, b = order[:-1], order[1:]
    together = (truth["id"][a] == truth["id"][b]) & (truth.frame[b] == truth.frame[a] + 1)
    joined = linked.molecule_N[a[together]] == linked.molecule_N[b[together]]
    assert together.sum() > 1000
    assert joined.mean() >= 0.97
    order = np.lexsort((truth.frame, linked.molecule_N))
    a, b = order[:-1], order[1:]
    made = linked.molecule_N[a] == linked.molecule_N[b]
    false = truth["id"][a[made]] != truth["id"][b[made]]
    assert false.mean() <= 0.01
    assert linked.on_time == pytest.approx(2.0, rel=0.1)
    # The linked error is what the photons of all frames together allow.
    error = np.hypot(
        linked.emitters.x - _true(truth.x, linked), linked.emitters.y - _true(truth.y, linked)
    )
    expected = np.hypot(linked.emitters.sigma_x, linked.emitters.sigma_y)
    rest = linked.emitters["detections"] > 1
    ratio = np.sqrt(np.mean(error[rest] ** 2) / np.mean(expected[rest] ** 2))
    assert ratio < 1.2


def _true(values, linked):
    n = len(linked.emitters)
    return np.bincount(linked.molecule_N, values, n) / np.bincount(linked.molecule_N, minlength=n)


def test_what_cannot_be_linked():
    rows = Emitters({"frame": [0, 1], "x": [0.0, 1.0], "y": [0.0, 0.0]})
    with pytest.raises(UserError, match="radius=NM"):
        link(rows)
    assert len(link(rows, radius=5).emitters) == 1
    with pytest.raises(UserError, match="radius"):
        link(rows, radius=0)
    with pytest.raises(UserError, match="gap"):
        link(rows, radius=5, gap=-1)
    assert len(link(Emitters.empty()).emitters) == 0


def test_evidence_adds_up_over_a_molecule():
    rows = [[0, 100, 100, 500, 10], [1, 102, 100, 500, 10], [0, 900, 100, 500, 10]]
    evidence = {"llr": np.array([1.0, 1.996, 1.92]), "p_value": np.array([0.157, 0.046, 0.05])}
    linked = link(table(rows, pixel_size=100.0).with_columns(**evidence)).emitters
    assert linked["llr"] == pytest.approx([2.996, 1.92])
    # χ² of two degrees of freedom beyond 5.99, and of one beyond 3.84.
    assert linked["p_value"] == pytest.approx([0.05, 0.05], rel=0.01)


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_an_error_that_is_not_known_costs_no_place(unknown):
    rows = table([[0, 10, 0, 100, 5], [1, 14, 0, 100, unknown], [5, 50, 0, 100, unknown]])
    molecules = link(rows, radius=10).emitters
    # The first is known better than the second; of the third nothing better is known.
    assert molecules.x.tolist() == [10, 50]
    np.testing.assert_array_equal(molecules.sigma_x, [5, np.nan])


def test_a_row_without_a_place_is_a_molecule_of_its_own():
    rows = table([[0, 10, 0, 100, 5], [1, 10, 0, 100, 5], [1, 10, 0, 100, 5], [2, 9, 0, 100, 5]])
    rows = rows.with_columns(x=[10, np.nan, 10, 9])
    assert link(rows).molecule_N.tolist() == [0, 1, 0, 0]
    assert link(rows.select([1])).molecule_N.tolist() == [0]
    np.testing.assert_array_equal(np.isnan(link(rows, radius=10).emitters.x), [False, True])
