"""Why there is a reader of our own for MATLAB 5 files, and that it does what it is there for."""

import io
import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from truevar.errors import UserError
from truevar.io.movies.mat5 import list_variables, load_variable
from truevar.io.movies.movie import open_movie

SCIPY_READS = """\
import resource, sys
import scipy.io
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    scipy.io.loadmat(sys.argv[1])
except Exception:
    pass
"""


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 200, (18, 22, 30)).astype(np.uint8)


def saved(frames):
    """A MATLAB file and the place of the byte that gives the type of its stored numbers."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"mov": frames})
    whole = bytearray(file.getvalue())
    # Head, the matrix's tag, then flags, dimensions and the name (in its tag) of 16, 24 and 8.
    place = 128 + 8 + 16 + 24 + 8
    assert whole[place] == 2  # uint8
    return whole, place


def test_same_as_scipy(tmp_path, frames):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"mov": frames, "times": np.arange(3.0)})
    known = scipy.io.loadmat(path)
    for variable in list_variables(path):
        np.testing.assert_array_equal(load_variable(path, variable), known[variable.name])


def test_a_damaged_type_is_an_error(tmp_path, frames):
    path = tmp_path / "a.mat"
    whole, place = saved(frames)
    for kind in range(256):
        if kind in (1, 2):  # int8 and uint8 are as wide
            continue
        whole[place] = kind
        path.write_bytes(whole)
        with pytest.raises(UserError, match=r"not a readable \.mat"):
            open_movie(path)


@pytest.mark.skipif(sys.platform != "linux", reason="what lies behind scipy's table differs")
def test_a_damaged_type_takes_scipy_down(tmp_path, frames):
    """One wrong byte, and loadmat ends the process: no exception that could be caught.

    Should this fail, scipy has been mended; once its oldest allowed version is,
    ``truevar.io.movies.mat5`` can give way to it.
    """
    path = tmp_path / "a.mat"
    whole, place = saved(frames)
    whole[place] = 0xF5
    path.write_bytes(whole)
    done = subprocess.run([sys.executable, "-c", SCIPY_READS, path], capture_output=True)
    assert done.returncode < 0, "scipy reads a damaged file without crashing: see the docstring"
