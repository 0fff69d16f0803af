"""Models that cannot work are refused when they are described, in one line that names the key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from truevar.config import PRESETS, ModelConfig
from truevar.errors import UserError

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"patch_nums": (10, 30)}, "patch_nums is [10, 30]"),
    ({"patch_nums": (), "max_counts": ()}, "patch_nums is []"),
    ({"patch_nums": (1, 2, 4, 8)}, "patch_nums begins with 1; the coarsest grid must be even"),
    ({"patch_nums": (5, 10, 20, 40)}, "patch_nums begins with 5"),
    ({"patch_nums": (0, 0, 0, 0)}, "patch_nums begins with 0"),
    ({"patch_nums": (10.0, 20.0, 40.0, 80.0)}, "patch_nums is [10.0"),
    ({"patch_nums": 10}, "patch_nums is 10; it must be a list as in [10, 20, 40, 80]"),
    ({"patch_nums": tuple(2 * 2**k for k in range(7)), "max_counts": (3,) * 7}, "coarsest_cell"),
    ({"max_counts": (7, 6)}, "max_counts is [7, 6]; it must be one number for each of the 4"),
    ({"max_counts": (7, 6, 4, 0)}, "max_counts"),
    ({"coarsest_cell": 12}, "coarsest_cell is 12; it must be a power of two"),
    ({"coarsest_cell": 0}, "coarsest_cell is 0"),
    ({"coarsest_cell": 2}, "from cells of 4 px"),
    ({"head_dim": 0}, "head_dim is 0; it must be at least 1"),
    ({"embed_dim": -96}, "embed_dim is -96"),
    ({"embed_dim": "96"}, 'embed_dim is "96"; it must be a whole number'),
    ({"embed_dim": True}, "embed_dim is true"),
    ({"stem_channels": 0}, "stem_channels"),
    ({"frame_channels": -1}, "frame_channels"),
    ({"wide_channels": 0}, "wide_channels"),
    ({"joint_blocks": -1}, "joint_blocks"),
    ({"num_layers": -1}, "num_layers"),
    ({"cond_dim": 0}, "cond_dim"),
    ({"code_channels": 3}, "code_channels is 3; it must be at least 4 for scalar codes"),
    ({"vocab_size": 1}, "vocab_size"),
    ({"mlp_ratio": 0.0}, "mlp_ratio is 0.0; it must be above 0"),
    ({"mlp_ratio": float("nan")}, "mlp_ratio is NaN; it must be a number"),
    ({"kv_heads": 0}, "kv_heads"),
    ({"num_heads": 3, "kv_heads": 2}, "multiple of kv_heads"),
    ({"active_threshold": 0.0}, "active_threshold is 0.0"),
    ({"active_threshold": 1.0}, "active_threshold is 1.0; it must be a probability"),
    ({"residual": "all"}, "residual is 'all'; choose from codes"),
    ({"codes": "words"}, "codes is 'words'; choose from scalar"),
    ({"phi": 1}, "phi is 1; it must be true or false"),
    ({"encoder_stride": 2}, "encoder_stride is 2; it must be 1 or 4"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED, ids=lambda one: str(one)[:40])
def test_a_model_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        ModelConfig(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", PRESETS.values())
def test_a_model_comes_back_from_json(config: ModelConfig) -> None:
    again = ModelConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)  # lists have become tuples again


def test_what_another_version_wrote_is_told_apart_from_a_misspelt_key() -> None:
    with pytest.raises(UserError, match=r"unknown key 'embed_dims'; did you mean 'embed_dim'\?"):
        ModelConfig.from_dict({"embed_dims": 3})
    with pytest.raises(UserError, match=r"unknown key 'colour'; known are .*update truevar"):
        ModelConfig.from_dict({"colour": 3})
    with pytest.raises(UserError, match="the model configuration is 3"):
        ModelConfig.from_dict(3)  # type: ignore[arg-type]


def test_more_scales_than_the_first_cell_size_has_room_for() -> None:
    """By the mission's five numbers the coarsest cells are as wide as seven grids need."""
    nums = tuple(2 * 2**k for k in range(7))
    assert ModelConfig.sized(nums).cells[0] == ModelConfig.sized(nums).coarsest_cell == 32
