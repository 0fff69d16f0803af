from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml

from truevar.io.tables.formats import TABLE_ENDINGS, WRITTEN_ENDINGS

MANIFEST = Path(str(resources.files("truevar") / "napari" / "napari.yaml"))


def contributions() -> dict:
    return yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]


def test_every_format_of_tables_is_in_the_manifest() -> None:
    (reader,) = contributions()["readers"]
    assert sorted(reader["filename_patterns"]) == sorted(f"*{one}" for one in TABLE_ENDINGS)
    (writer,) = contributions()["writers"]
    assert sorted(writer["filename_extensions"]) == sorted(WRITTEN_ENDINGS)


def test_npe2_takes_the_manifest_and_finds_every_command() -> None:
    npe2 = pytest.importorskip("npe2", reason="needs npe2, which comes with napari")
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.name == "truevar"


def test_napari_finds_the_plugin_by_its_entry_point() -> None:
    npe2 = pytest.importorskip("npe2", reason="needs npe2, which comes with napari")
    found = {one.manifest.name for one in npe2.PluginManifest.discover() if one.manifest}
    assert "truevar" in found, "install the package: the entry point is in its metadata"
