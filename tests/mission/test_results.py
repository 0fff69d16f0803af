"""The mission's rows M17 to M20, one test each: what the model that comes with it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.special import ndtr

from truevar.doors import enter
from truevar.emitters import Emitters
from truevar.evaluate.matching import match
from truevar.infer.decode import decode
from truevar.infer.modes import FrameStack, predict_scales, super_resolution_cells
from truevar.infer.setup import Setup
from truevar.io.movies import open_movie
from truevar.model.scale_output import ScaleOutput
from truevar.model.weights import NEXT_SCALE_MODEL, TrainedModel, load_model
from truevar.simulate.scene import simulate

ROOT = Path(__file__).parents[2]

SEED = 2_000_500
"""Scoring seeds begin at 2,000,000: no model has seen them."""


@pytest.fixture(scope="module")
def shipped() -> TrainedModel:
    return load_model(NEXT_SCALE_MODEL)


def seen(
    size: int, n_frames: int, density: float = 1.0, seed: int = SEED
) -> tuple[FrameStack, Emitters]:
    """Frames of 2d-scmos and their emitters."""
    movie = simulate("2d-scmos", density, n_frames, size, seed)
    with open_movie(movie.frames()) as opened:
        setup = Setup(movie.pixel_size, movie.psf_sigma, movie.camera)
        return FrameStack.read(opened, setup), movie.truth


def rmse(found: Emitters, truth: Emitters) -> float:
    """nm, over matches within 250 nm."""
    return float(np.sqrt(np.mean(match(found, truth).distance ** 2)))


def jaccard(found: Emitters, truth: Emitters) -> float:
    """%, of all emitters, the dimmest included."""
    hits = len(match(found, truth))
    return 100 * hits / (len(found) + len(truth) - hits)


def test_m17_every_scale_localises_better_than_the_one_before(shipped: TrainedModel) -> None:
    stack, truth = seen(64, 40)
    scales = predict_scales(shipped, stack, (4, 2, 1, 0.5))
    errors = [rmse(scale.emitters, truth) for scale in scales]
    assert all(finer < coarser for coarser, finer in zip(errors, errors[1:], strict=False)), errors
    found = [jaccard(scale.emitters, truth) for scale in scales]
    assert found[0] < found[-1], found


def test_m18_super_resolution_gains_detail_and_keeps_structure(
    shipped: TrainedModel, tmp_path: Path
) -> None:
    stack, truth = seen(40, 60)
    scales = predict_scales(shipped, stack, super_resolution_cells(shipped.network, 80))
    camera, fine = scales[-2:]
    assert (camera.grid, fine.grid) == ((40, 40), (80, 80))
    assert len(fine.emitters) > 0.5 * len(truth)
    assert rmse(fine.emitters, truth) < rmse(camera.emitters, truth)
    assert jaccard(fine.emitters, truth) > jaccard(camera.emitters, truth) - 1
    options = ["--model", NEXT_SCALE_MODEL, "--mode", "super_resolution", "--target_res", "80"]
    assert enter("inference", [*options, "--output", str(tmp_path), "--frames", "1"]) == 0
    assert (tmp_path / "super_resolution.png").is_file()


@torch.inference_mode()
def test_m19_finer_grids_than_trained_narrow_the_emitters_down(shipped: TrainedModel) -> None:
    stack, truth = seen(40, 24)
    windows = torch.arange(len(stack))[:, None] + torch.arange(3)
    outputs = shipped.network.predict(
        stack.counts_NHW[windows],
        stack.psf_sigma,
        stack.read_variance_HW,
        stack.exists_N[windows],
        cells=super_resolution_cells(shipped.network, 320),
    )
    assert [output.grid for output in outputs[3:]] == [(80, 80), (160, 160), (320, 320)]
    errors, found = [], []
    for output in outputs[3:]:
        cells = decode(output, stack.psf_sigma, shipped.network.merge_rule, shipped.threshold)
        px = stack.pixel_size
        table = Emitters({"frame": cells.image, "x": cells.x * px, "y": cells.y * px})
        found.append(jaccard(table, truth))
        errors.append(rmse(at_centres(table, output, stack), truth))
    assert errors[0] > errors[1] > errors[2], errors
    assert max(found) - min(found) <= 1, found
    for output in outputs[4:]:
        finer, at_half_px = (
            log_likelihood(o, output.cell, truth, stack) for o in (output, outputs[3])
        )
        assert finer >= at_half_px - 0.005, (output.cell, finer, at_half_px)


def log_likelihood(output: ScaleOutput, cell: float, truth: Emitters, stack: FrameStack) -> float:
    """Mean log of the emitters that a scale expects in the cells of the true ones.

    What it expects in a cell is the sum of all its Gaussians' shares there.
    """
    px = stack.pixel_size
    place_N2 = np.stack([truth.x / px, truth.y / px], 1)
    lower_N2 = np.floor((place_N2 + 0.5) / cell) * cell - 0.5
    mean_R2 = torch.stack([output.x_R, output.y_R], 1).double().numpy()
    sigma_R2 = torch.stack([output.sigma_x_R, output.sigma_y_R], 1).double().numpy()
    crop_R, count_R = output.crop_R.numpy(), output.mean_R.double().numpy()
    expected_N = np.empty(len(truth))
    for n, frame in enumerate(truth.frame):
        rows = np.flatnonzero(crop_R == frame)
        low_2, high_2 = (
            (edge - mean_R2[rows]) / sigma_R2[rows] for edge in (lower_N2[n], lower_N2[n] + cell)
        )
        expected_N[n] = count_R[rows] @ (ndtr(high_2) - ndtr(low_2)).prod(1)
    return float(np.log(np.maximum(expected_N, 1e-5)).mean())


def at_centres(table: Emitters, output: ScaleOutput, stack: FrameStack) -> Emitters:
    """The emitters, each at the centre of the likeliest cell within half a PSF width of it."""
    apart = 1e4 * stack.pixel_size  # frames are out of each other's reach
    places_R2 = torch.stack([output.col_R, output.row_R], 1).double().numpy()
    centre_R2 = ((places_R2 + 0.5) * output.cell - 0.5) * stack.pixel_size
    tree = cKDTree(np.column_stack([centre_R2, apart * output.crop_R.numpy()]))
    near = tree.query_ball_point(
        np.column_stack([table.x, table.y, apart * table.frame]),
        0.5 * stack.psf_sigma * stack.pixel_size,
    )
    mean_R = output.mean_R.numpy()
    best = np.array([rows[int(np.argmax(mean_R[rows]))] for rows in near], dtype=np.int64)
    return table.with_columns(x=centre_R2[best, 0], y=centre_R2[best, 1])


def test_m20_the_ladder_from_the_original_implementation_is_measured() -> None:
    path = ROOT / "docs" / "ablations.md"
    text = path.read_text(encoding="utf-8").lower()
    tables = [line for line in text.splitlines() if line.startswith("|")]
    if not tables:
        pytest.skip("benchmarks/ablations.py has not been run yet")
    for difference in ("down-sampling", "up-sampling", "independent"):
        assert any(difference in line for line in tables), f"no row about {difference}"
