import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from truevar.model.weights import load_model
from truevar.training.checkpoint import load_checkpoint
from truevar.training.ranks import Ranks

SCRIPT = """
import json, os, sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from truevar.config import ModelConfig
from truevar.training import loop
from truevar.training.ranks import Ranks

torch.set_num_threads(1)
folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
device = torch.device("cpu")

# One linear layer by hand: the gradient of rank r is r + 1; one parameter has none on rank 1.
ranks = Ranks.join(device)
assert (ranks.rank, ranks.count, ranks.first) == (rank, 2, rank == 0)
layer = nn.ModuleDict({"both": nn.Linear(3, 2), "one": nn.Linear(2, 2), "none": nn.Linear(1, 1)})
layer["none"].requires_grad_(False)
for p in layer["both"].parameters():
    p.grad = torch.full_like(p, float(rank + 1))
if rank == 0:
    for p in layer["one"].parameters():
        p.grad = torch.full_like(p, 4.0)
with torch.no_grad():
    layer["both"].weight.fill_(float(rank + 7))
ranks.share(layer)
assert layer["both"].weight.unique().tolist() == [7.0]
assert ranks.agree(3.5 + rank, device) == 3.5
clock = ranks.average(layer, 10.0 * (rank + 1), device)
found = {
    "clock": clock,
    "both": [p.grad.unique().tolist() for p in layer["both"].parameters()],
    "one": [p.grad.unique().tolist() for p in layer["one"].parameters()],
    "none": [p.grad is None for p in layer["none"].parameters()],
}

# What every rank holds after training, and how its own gradients were before the average.
kept, own = {}, []
average = Ranks.average

def spy(self, network, seconds, device):
    kept["network"] = network
    own.append(float(sum(p.grad.abs().sum() for p in network.parameters() if p.grad is not None)))
    return average(self, network, seconds, device)

Ranks.average = spy
tiny = ModelConfig(
    stem_channels=8, frame_channels=4, joint_blocks=1, wide_channels=8, embed_dim=16,
    num_heads=2, head_dim=8, num_layers=1, cond_dim=8,
)
config = loop.TrainConfig(10, crops=6, batch=2, warmup=2, log_every=1, other_crops=())
lines = []
loop.train_model(
    tiny, config, folder / f"own{rank}",
    validate=lambda network: {"threshold": 0.3}, report=lines.append,
)
torch.save(kept["network"].state_dict(), folder / f"state{rank}.pt")
found |= {"lines": len(lines), "own": own}
(folder / f"found{rank}.json").write_text(json.dumps(found), encoding="utf-8")
"""


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def test_a_process_alone_averages_with_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    cpu = torch.device("cpu")
    ranks = Ranks.join(cpu)
    assert ranks == Ranks()
    assert ranks.first
    layer = torch.nn.Linear(2, 2)
    assert ranks.average(layer, 1.5, cpu) == 1.5
    assert layer.weight.grad is None
    ranks.leave()


@pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(),
    reason="this torch cannot join processes on a CPU",
)
def test_two_processes_train_one_model(tmp_path):
    script = tmp_path / "ranks.py"
    script.write_text(SCRIPT, encoding="utf-8")
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    where = ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"}
    environment |= {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *launch, *where, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = [
        json.loads((tmp_path / f"found{rank}.json").read_text(encoding="utf-8"))
        for rank in range(2)
    ]
    for one in found:
        assert one["clock"] == 15.0
        assert one["both"] == [[1.5], [1.5]]
        assert one["one"] == [[2.0], [2.0]]
        assert one["none"] == [True, True]
    # Each saw scenes of its own, and all ended with the same weights.
    assert len(found[0]["own"]) == len(found[1]["own"]) == 3
    assert found[0]["own"] != found[1]["own"]
    states = [torch.load(tmp_path / f"state{rank}.pt", weights_only=True) for rank in range(2)]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name

    # Only the first writes, validates and reports.
    assert [one["lines"] for one in found] == [4, 0]
    assert {path.name for path in (tmp_path / "own0").iterdir()} == {
        "checkpoint.pt",
        "config.json",
        "log.jsonl",
        "weights.safetensors",
    }
    assert not any((tmp_path / "own1").iterdir())
    kept = load_checkpoint(tmp_path / "own0" / "checkpoint.pt")
    for name, value in states[0].items():
        assert torch.equal(value, kept["network"][name]), name
    model = load_model(tmp_path / "own0" / "weights.safetensors")
    assert model.threshold == 0.3
    assert model.training["steps"] == 3
