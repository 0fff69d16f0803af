"""A full disk, Ctrl-C, too little memory, a bug: what is said, and what is left."""

from __future__ import annotations

import builtins
import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import truevar
from truevar.cli import main

Fails = Callable[..., str]


class _Full:
    """An open file on a disk that has no room left."""

    def __init__(self, file: Any):
        self._file = file

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *why: object) -> None:
        self._file.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        handle = real(file, mode, *args, **kwargs)
        return _Full(handle) if ".part" in str(file) and "r" not in mode else handle

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize(
    "argv",
    [
        "localize {made}/movie.tif -o {t}/out.csv --quiet",
        "localize {made}/movie.tif -o {t}/out.hdf5 --quiet",
        "simulate --scene 2d-dim --density 1 --frames 3 --size 16 -o {t}/m.tif --truth {t}/t.csv",
        "render {made}/found.csv -o {t}/out.png",
        "convert {made}/found.csv {t}/out.hdf5",
    ],
)
def test_a_full_disk(made: Path, tmp_path: Path, argv: str, fails: Fails) -> None:
    words = [word.format(made=made, t=tmp_path) for word in argv.split()]
    assert "disk is full" in fails(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (MemoryError(), 1, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes"), 1, "out of memory"),
        (truevar.UserError("two\nlines"), 2, "two lines"),
    ],
)
def test_stopped_on_the_way(
    made: Path,
    tmp_path: Path,
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    fails: Fails,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("truevar.inference.engine.Engine.run", stop)
    argv = ["localize", made / "movie.tif", "-o", tmp_path / "out.csv", "--quiet"]
    assert said in fails(*argv, code=code)
    assert list(tmp_path.iterdir()) == []


def test_a_bug_keeps_its_traceback(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("truevar.inference.engine.Engine.run", stop)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["localize", str(made / "movie.tif"), "-o", str(tmp_path / "never.csv"), "--quiet"])
