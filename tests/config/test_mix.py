from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from truevar.camera import EMCCD_EXCESS
from truevar.config import TrainingMix
from truevar.errors import UserError
from truevar.simulation.crops import sample_crops

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"psf_sigma": (2.2, 0.75)}, "psf_sigma is [2.2, 0.75]; it must be a range"),
    ({"photons": (0.0, 100.0)}, "photons is [0.0, 100.0]"),
    ({"photons": (100.0, 150.0)}, "a range of a factor 2"),
    ({"density": (0.01,)}, "density is [0.01]"),
    ({"background": 5.0}, "background is 5.0; it must be a list as in [2.0, 200.0]"),
    ({"motion": (-0.1, 1.0)}, "motion"),
    ({"read_sigma": (3.0, 1.0)}, "read_sigma"),
    ({"usual_share": 1.1}, "usual_share is 1.1; it must be a share from 0 to 1"),
    ({"haze_share": -0.1}, "haze_share"),
    ({"emccd_share": 2}, "emccd_share is 2"),
    ({"psf_error": -0.01}, "psf_error is -0.01"),
    ({"ellipticity": 0.5}, "ellipticity is 0.5"),
    ({"em_gain": 0.5}, "em_gain is 0.5"),
    ({"emccd_e_per_adu": 0.0}, "emccd_e_per_adu is 0.0"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=lambda one: str(one)[:40])
def test_a_mix_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        TrainingMix(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mix_comes_back_from_json() -> None:
    mix = TrainingMix(density=(0.001, 0.1), emccd_share=0.0)
    assert TrainingMix.from_dict(json.loads(json.dumps(mix.to_dict()))) == mix


def test_the_domain_names_every_dimension_and_follows_the_mix() -> None:
    domain = TrainingMix().domain()
    assert {
        "psf_sigma",
        "ellipticity",
        "photons",
        "background",
        "density_per_px",
        "motion",
        "read_sigma",
        "e_per_adu",
        "em_gain",
    } <= set(domain)
    for key, value in domain.items():
        if isinstance(value, list) and key != "cameras":
            assert value[0] <= value[1], key
    still = TrainingMix(moving_share=0.0, emccd_share=0.0, maps_share=0.0).domain()
    assert (domain["motion"], still["motion"]) == ([0.0, 1.5], [0.0, 0.0])
    assert (domain["em_gain"], still["em_gain"]) == ([1.0, 300.0], [1.0, 1.0])
    assert still["read_sigma"] == [0.6, 3.0]
    assert still["cameras"] == ["sCMOS"]
    # What no crop is drawn from is not in it, what the usual ones are drawn from is.
    mix = TrainingMix(usual_psf_sigma=(0.5, 0.6), usual_share=1.0)
    assert mix.domain()["psf_sigma"] == [0.5, 0.6]
    assert replace(mix, usual_share=0.5).domain()["psf_sigma"] == [0.5, 2.2]


def test_crops_stay_within_the_domain() -> None:
    mix = TrainingMix(read_sigma=(1.0, 1.5), psf_error=0.0, hot_read_sigma=(6.0, 8.0))
    batch = sample_crops(200, 20, torch.Generator().manual_seed(3), mix)
    domain = mix.domain()
    low, high = domain["read_sigma"]
    read_BHW = batch.read_variance_BHW.sqrt()
    assert float(read_BHW.amin()) > 0.999 * low / EMCCD_EXCESS  # an EMCCD's is stated so
    assert 1.5 < float(read_BHW.amax()) <= high
    low, high = domain["psf_sigma"]
    assert low <= float(batch.psf_sigma_B.min()) < float(batch.psf_sigma_B.max()) <= high
