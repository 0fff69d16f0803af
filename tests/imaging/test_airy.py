"""The Airy pattern against closed forms and finite differences; bounds with it."""

import numpy as np
import pytest
from scipy import special

from truevar.camera import Camera
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.imaging.airy import AiryPSF
from truevar.imaging.fisher import FrameModel, tiles
from truevar.imaging.psf import GaussianPSF, light_of

SCALE = 1.351  # NA 1.43 at 665 nm in pixels of 100 nm, 1/px


def test_the_light_in_a_circle_is_rayleighs():
    """1 - J₀²(ar) - J₁²(ar) of it, of pixels so small that their corners do not matter."""
    fine = 0.1
    psf = AiryPSF(np.array([fine]), reach=12.0)
    patch = psf.patches(np.array([0.2]), np.array([-0.3]))
    step = np.arange(psf.size)
    far = np.hypot(
        (patch.column_N[0] + step - 0.2)[None, :], (patch.row_N[0] + step + 0.3)[:, None]
    )
    for ar in (1.0, 3.83, 7.0, 11.0):
        inside = patch.image_Nss[0][far * fine < ar].sum()
        assert inside == pytest.approx(1 - special.j0(ar) ** 2 - special.j1(ar) ** 2, abs=2e-3)


def test_a_pixel_is_the_mean_of_its_parts():
    """Pixels cut into 5×5 hold the same light together."""
    parts = 5
    x, y = np.array([0.31]), np.array([-0.12])
    whole = AiryPSF(np.array([SCALE])).patches(x, y)
    # The finer grid's centres: pixel i covers those from 5 i - 2 to 5 i + 2.
    fine = AiryPSF(np.array([SCALE / parts]), reach=16.0).patches(parts * x, parts * y)
    start = parts * np.array([whole.row_N[0], whole.column_N[0]]) - 2
    start -= [fine.row_N[0], fine.column_N[0]]
    size = whole.image_Nss.shape[1]
    cut = fine.image_Nss[0][tuple(slice(s, s + parts * size) for s in start)]
    summed = cut.reshape(size, parts, size, parts).sum((1, 3))
    np.testing.assert_allclose(whole.image_Nss[0], summed, atol=1e-10)


def test_derivatives_agree_with_finite_differences():
    """Of an emitter in the middle of a pixel, too, where quotients are 0 / 0."""
    x, y, step = np.array([0.2, 5.0]), np.array([-0.45, 3.0]), 1e-5
    psf = AiryPSF(np.array([1.0, 0.9]))
    exact = psf.patches(x, y)
    by_x = psf.patches(x + step, y).image_Nss - psf.patches(x - step, y).image_Nss
    by_y = psf.patches(x, y + step).image_Nss - psf.patches(x, y - step).image_Nss
    np.testing.assert_allclose(exact.by_x_Nss, by_x / (2 * step), atol=1e-9)
    np.testing.assert_allclose(exact.by_y_Nss, by_y / (2 * step), atol=1e-9)


def test_a_frame_holds_the_light_of_all_emitters():
    """Gaussian and Airy patterns, in the middle and half beside the frame."""
    x, y, photons = np.array([30.0, -0.5]), np.array([31.0, 30.2]), np.array([1000.0, 400.0])
    gaussian = light_of(GaussianPSF(np.full(2, 1.3)), x, y, photons, (60, 64))
    assert gaussian.sum() == pytest.approx(1200, rel=1e-4)
    airy = light_of(AiryPSF(np.full(2, SCALE), reach=38.0), x, y, photons, (60, 64))
    assert airy.sum() == pytest.approx(1200, rel=0.03)
    assert np.unravel_index(airy.argmax(), airy.shape) == (31, 30)


def test_the_bound_of_one_emitter_is_the_published_one():
    """8.5 nm laterally: the mean of a thousand by Sun's estimator is 8.53 (3,000 photons on 500
    per px, read variance 300, all but x and y known)."""
    truth = Emitters({"frame": [0], "x": [1520.0], "y": [1480.0], "photons": [3000.0]})
    camera = Camera(baseline=500.0, read_sigma=np.sqrt(300.0))
    psf = AiryPSF(np.array([SCALE]))
    model = FrameModel(truth, 100.0, (31, 31), 98.0, camera, 500.0, psf)
    (tile,) = tiles((31, 31), psf.width)
    matrix = model.information(0, tile).matrix.toarray()[:2, :2]
    lateral = 100 * np.sqrt(np.trace(np.linalg.inv(matrix)))
    assert lateral == pytest.approx(8.53, abs=0.3)


@pytest.mark.parametrize(("scale", "reach"), [(0.0, 5.0), (-1.0, 5.0), (1.0, 0.0)])
def test_what_no_aperture_has_is_refused(scale, reach):
    with pytest.raises(UserError, match="above 0"):
        AiryPSF(np.array([scale]), reach)
