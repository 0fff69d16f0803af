import torch

from truevar import device
from truevar.training.optimizer import orthogonalise
from truevar.training.precision import mixed_precision

CPU = torch.device("cpu")


def product_with(monkeypatch, in_hardware):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: in_hardware, raising=False)
    with mixed_precision(CPU):
        return torch.ones(4, 4) @ torch.ones(4, 4)


def test_training_multiplies_in_what_the_processor_is_fast_at(monkeypatch):
    assert product_with(monkeypatch, True).dtype == torch.bfloat16
    assert product_with(monkeypatch, False).dtype == torch.float32


def test_a_torch_that_does_not_tell_trains_in_float32(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not device.multiplies_bfloat16(CPU)


def test_a_step_is_as_orthogonal_with_few_digits_as_with_many(monkeypatch):
    matrix_MN = torch.randn(24, 40, generator=torch.Generator().manual_seed(0))
    found = []
    for in_hardware in (True, False):
        monkeypatch.setattr(
            "truevar.training.optimizer.multiplies_bfloat16", lambda _, fast=in_hardware: fast
        )
        step_MN = orthogonalise(matrix_MN)
        assert step_MN.dtype == torch.float32
        values = torch.linalg.svdvals(step_MN)
        assert values.min() > 0.6
        assert values.max() < 1.3
        found.append(step_MN)
    assert torch.cosine_similarity(*(step_MN.flatten() for step_MN in found), dim=0) > 0.995
