"""Formats that need packages of their own say which, where these are absent."""

import importlib
import sys

import pytest

from truevar.cli import main
from truevar.errors import UserError
from truevar.io.extras import need_package
from truevar.io.movies.movie import open_movie

FILES = {
    "nd2": ("a.nd2", b"\xda\xce\xbe\x0a and more", "nd2"),
    "czi": ("a.czi", b"ZISRAWFILE and more", "pylibCZIrw"),
    "zarr": ("a.zarr/zarr.json", b"{}", "zarr"),
}


@pytest.fixture
def no_packages(monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name.split(".")[0] in ("nd2", "pylibCZIrw", "zarr"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr("truevar.io.extras.import_module", without)


@pytest.mark.usefixtures("no_packages")
@pytest.mark.parametrize("extra", FILES)
def test_one_line_names_the_extra(tmp_path, extra, capsys):
    name, content, package = FILES[extra]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path = tmp_path / name.split("/")[0]
    with pytest.raises(UserError) as caught:
        open_movie(path)
    words = (
        f'needs {package}, which is not installed; install it with: pip install "truevar[{extra}]"'
    )
    assert str(caught.value).endswith(words)
    assert main(["info", str(path)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_package_that_is_there():
    assert need_package("json.decoder", "a .json", "json") is sys.modules["json.decoder"]
