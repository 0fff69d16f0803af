from dataclasses import replace

import pytest
import torch

from truevar.config import ModelConfig
from truevar.errors import UserError
from truevar.training.tokenizer_stage import (
    load_tokenizer,
    measure_tokenizer,
    sample_fields,
    save_tokenizer,
    train_tokenizer,
)

SMALL = ModelConfig()


def test_fields_hold_as_many_emitters_as_asked():
    fields = sample_fields(64, torch.Generator().manual_seed(0))
    density = fields[:, 0].mean((1, 2))
    assert 0 <= float(density.min()) < 1e-3
    assert 0.03 < float(density.max()) < 0.1
    assert float(fields[:, 1:3].abs().max()) <= 0.5


@pytest.mark.parametrize("codes", ["scalar", "codebook"])
def test_a_short_training_already_tells_where_and_how_many(codes, tmp_path):
    config = replace(SMALL, codes=codes, vocab_size=8192 if codes == "scalar" else 512)
    lines = []
    tokenizer = train_tokenizer(config, steps=60, batch=4, report=lines.append)
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]
    found = measure_tokenizer(tokenizer, fields=4)
    assert found["cells"] > 200
    # Without codes the offset is anywhere: 0.41 of a cell.
    assert found["error"] < 0.3
    assert not any(p.requires_grad for p in tokenizer.parameters())
    path = tmp_path / "tokenizer.pt"
    save_tokenizer(path, tokenizer, config)
    again = load_tokenizer(path, config)
    for name, value in tokenizer.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_what_is_not_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(UserError, match="no tokeniser"):
        load_tokenizer(tmp_path / "none.pt", SMALL)
    (tmp_path / "bad.pt").write_bytes(b"garbage")
    with pytest.raises(UserError, match="not a tokeniser"):
        load_tokenizer(tmp_path / "bad.pt", SMALL)
    other = train_tokenizer(replace(SMALL, code_channels=6), steps=1, batch=2)
    save_tokenizer(tmp_path / "other.pt", other, SMALL)
    with pytest.raises(UserError, match="not a tokeniser of this model"):
        load_tokenizer(tmp_path / "other.pt", SMALL)
