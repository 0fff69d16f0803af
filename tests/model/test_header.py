from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from truevar.errors import UserError
from truevar.model.header import read_header
from truevar.model.weights import available_models, read_weights


@pytest.mark.parametrize("name", sorted(available_models()))
def test_shipped_weights_say_the_same_with_and_without_their_tensors(name: str) -> None:
    path = available_models()[name]
    assert read_header(path) == read_weights(path)[0]
    assert read_header(path)["domain"]["psf_sigma"]


def test_an_older_header_has_fewer_entries(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"x": np.zeros(1)}, path, {"truevar": json.dumps({"threshold": 0.5})})
    assert read_header(path) == {"threshold": 0.5, "domain": {}, "training": {}, "errors": {}}


def test_what_has_no_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match="there is no file"):
        read_header(path)
    for meta in (None, {"other": "x"}, {"truevar": "{"}, {"truevar": "[1]"}):
        save_file({"x": np.zeros(1)}, path, meta)
        with pytest.raises(UserError, match="holds no weights of truevar; give a file"):
            read_header(path)
    path.write_bytes(b"not weights")
    with pytest.raises(UserError, match="holds no weights"):
        read_header(path)
    with pytest.raises(UserError, match="holds no weights"):
        read_header(tmp_path)


def test_a_header_is_read_without_torch() -> None:
    path = str(next(iter(available_models().values())))
    script = (
        "import sys; from truevar.cli import main; "
        f"assert main(['info', {path!r}]) == 0; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
