"""Chunks that the workers of a Dask cluster localise."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.cli import main
from truevar.inference import chunks, dask_cluster
from truevar.io import extras
from truevar.model.weights import available_models
from truevar.simulation.scenes import simulate

pytestmark = pytest.mark.skipif(not available_models(), reason="no model came with the package")

OPTIONS = ["--psf-sigma", "130", "--quiet"]


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hundred frames, seven chunks."""
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 1)
    path = tmp_path / "movie.npy"
    np.save(path, simulate("2d-scmos", 0.5, 100, 24, seed=5).frames())
    return path


def run(movie: Path, name: str, *options: str) -> int:
    return main(["localize", str(movie), "-o", str(movie.with_name(name)), *OPTIONS, *options])


def test_without_the_package_one_line_names_the_extra(
    movie: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", absent)
    assert run(movie, "it.csv", "--scheduler", "tcp://127.0.0.1:9") == 2
    assert 'pip install "truevar[cluster]"' in capsys.readouterr().err


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch):
    distributed = pytest.importorskip("distributed", reason="needs truevar[cluster]")
    found = os.pathsep.join([str(Path(truevar.__file__).parents[1]), *sys.path])
    monkeypatch.setenv("PYTHONPATH", found)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_two_workers_make_the_same_table_though_one_is_killed(
    movie: Path, cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(movie, "alone.csv") == 0
    killed: list[int] = []

    def kill_midway() -> None:
        deadline = time.monotonic() + 60
        folder = movie.with_name("shared.csv.unfinished")
        while not list(folder.glob("*.npz")):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        killed.append(next(iter(cluster.workers.values())).pid)
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_midway)
    killer.start()
    assert run(movie, "shared.csv", "--scheduler", cluster.scheduler_address) == 0
    killer.join()
    assert len(killed) == 1
    alone, shared = (movie.with_name(name) for name in ("alone.csv", "shared.csv"))
    assert alone.read_bytes() == shared.read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_what_a_cluster_lacks_is_told(
    movie: Path, cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_cluster, "_PATIENCE", 1.0)
    assert run(movie, "it.csv", "--scheduler", "tcp://127.0.0.1:9") == 2
    assert "no Dask scheduler at tcp://127.0.0.1:9" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(truevar, "__version__", "0.0.9")
        assert run(movie, "it.csv", "--scheduler", cluster.scheduler_address) == 2
    assert "install truevar 0.0.9 where it runs" in capsys.readouterr().err
    cluster.scale(0)
    time.sleep(1)
    assert run(movie, "it.csv", "--scheduler", cluster.scheduler_address) == 2
    assert "has no workers; start some with: dask worker tcp://" in capsys.readouterr().err
