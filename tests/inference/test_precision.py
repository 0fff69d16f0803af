import pytest
import torch

from truevar.errors import UserError
from truevar.inference.precision import pick_precision


@pytest.mark.parametrize("fast", [True, False])
def test_auto_follows_the_processor(monkeypatch, fast):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: fast, raising=False)
    assert pick_precision("auto", "cpu") == (torch.bfloat16 if fast else torch.float32)


def test_where_nothing_says_so_it_is_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert pick_precision("auto", "cpu") == torch.float32


def test_a_precision_can_be_asked_for():
    assert pick_precision("float32", "cpu") == torch.float32
    assert pick_precision("bfloat16", "cpu") == torch.bfloat16
    with pytest.raises(UserError, match="no precision 'float8'"):
        pick_precision("float8", "cpu")
