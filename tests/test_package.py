"""What is in the package, and what it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import truevar
from truevar.model.weights import available_models

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def python(script: str) -> None:
    """Run a script in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files_stay_short() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines"


def test_the_version_is_said_once_everywhere() -> None:
    assert truevar.__version__ == PROJECT["version"]
    assert f"version: {PROJECT['version']}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_lock_pins_all_that_is_needed() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
    names = {line.partition("==")[0].lower() for line in pinned}
    for wanted in (*PROJECT["dependencies"], "pytest", "ruff", "mypy", "build", "setuptools"):
        assert re.split(r"[<>=]", wanted)[0].lower() in names


def test_every_public_name_is_there() -> None:
    # Twice, for loading one may put a package of the same name in another's place.
    python(
        """
import truevar
first = {name: getattr(truevar, name) for name in truevar.__all__}
for name, item in first.items():
    assert getattr(truevar, name) is item, name
"""
    )


def test_importing_is_light() -> None:
    python("import sys, truevar, truevar.cli\nassert not {'torch', 'scipy'} & set(sys.modules)")


def test_the_weights_are_small() -> None:
    for name, path in available_models().items():
        assert path.stat().st_size <= 12e6, f"{name} is too large"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy: building leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_everything(wheel: Path) -> None:
    assert wheel.name == f"truevar-{PROJECT['version']}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        held = set(file.namelist())
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for pattern in (
            "*.py",
            "py.typed",
            "*.safetensors",
            "samples/*.*",
            "report/*.*",
            "napari/*.yaml",
        )
        for path in (ROOT / "src" / "truevar").rglob(pattern)
    }
    assert {"truevar/py.typed", "truevar/napari/napari.yaml"} <= wanted
    assert wanted <= held
    assert all(name.startswith(("truevar/", "truevar-")) for name in held)
    assert any(name.endswith("licenses/LICENSE") for name in held)


@pytest.mark.skipif(not available_models(), reason="no model came with the package")
def test_the_wheel_has_the_default_model(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        assert "truevar/weights/true-var-small.safetensors" in file.namelist()
