"""Cameras under a name: where they are, what they may be called, what is read of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from truevar.errors import UserError
from truevar.io import saved_cameras
from truevar.io.camera_file import BY_TRANSFER, CameraProfile
from truevar.io.saved_cameras import (
    configuration_folder,
    load_camera,
    path_of,
    read_camera,
    remove_camera,
    save_camera,
    saved_names,
)

ORCA = CameraProfile({"pixel_size": 108.0, "baseline": 100.0, "e_per_adu": 0.46, "cic": 1e-5})


def test_a_camera_is_saved_listed_read_and_removed(own_settings: Path) -> None:
    assert saved_names() == []
    path = save_camera("orca-60x", ORCA)
    assert path == own_settings / "cameras" / "orca-60x.yaml"
    save_camera("Andor.2", CameraProfile({"em_gain": 300.0}))
    assert saved_names() == ["Andor.2", "orca-60x"]
    assert load_camera("orca-60x").numbers == ORCA.numbers
    assert set(load_camera("orca-60x").sources.values()) == {"the saved camera orca-60x"}
    with pytest.raises(UserError, match="exists already"):
        save_camera("orca-60x", CameraProfile({"baseline": 1.0}))
    save_camera("orca-60x", CameraProfile({"baseline": 1.0}), overwrite=True)
    assert load_camera("orca-60x").numbers == {"baseline": 1.0}
    remove_camera("orca-60x")
    assert saved_names() == ["Andor.2"]
    for gone in (load_camera, remove_camera):
        with pytest.raises(UserError, match="no saved camera orca-60x; saved are Andor.2"):
            gone("orca-60x")


def test_the_file_is_for_people_too(own_settings: Path) -> None:
    path = save_camera("orca", ORCA)
    text = path.read_text(encoding="utf-8")
    assert "baseline: 100.0  # ADU of a pixel without light" in text
    assert yaml.safe_load(text)["pixel_size"] == 108
    path.write_text(text.replace("108.0", "65"), encoding="utf-8")
    assert load_camera("orca").numbers["pixel_size"] == 65
    path.write_text("pixle_size: 65\n", encoding="utf-8")
    with pytest.raises(UserError, match="is pixelsize meant|is pixel_size meant"):
        load_camera("orca")


def test_what_was_estimated_stays_so(own_settings: Path) -> None:
    how = {"e_per_adu": f"the camera file ({BY_TRANSFER})", "baseline": "given"}
    save_camera("guess", CameraProfile({"baseline": 100.0, "e_per_adu": 0.5}, how))
    assert load_camera("guess").sources == {
        "baseline": "the saved camera guess",
        "e_per_adu": f"the saved camera guess ({BY_TRANSFER})",
    }
    assert load_camera("guess").notes == ()


def test_maps_go_along(own_settings: Path, tmp_path: Path) -> None:
    values = np.full((3, 16, 20), 2.0, np.float32)
    np.save(tmp_path / "mine.npy", values)
    path = save_camera("orca.2", CameraProfile({"pixel_size": 108.0}, maps=tmp_path / "mine.npy"))
    (tmp_path / "mine.npy").unlink()
    found = load_camera("orca.2")
    assert found.maps == path.parent / "orca.2.npy"
    np.testing.assert_array_equal(np.load(found.maps), values)
    assert saved_names() == ["orca.2"]
    save_camera("orca.2", found, overwrite=True)  # with its own maps
    np.testing.assert_array_equal(np.load(found.maps), values)
    save_camera("orca.2", ORCA, overwrite=True)
    assert not found.maps.exists()
    (tmp_path / "none.npy").write_text("no maps")
    with pytest.raises(UserError, match="not a NumPy"):
        save_camera("other", CameraProfile({}, maps=tmp_path / "none.npy"))
    assert saved_names() == ["orca.2"]
    np.save(tmp_path / "mine.npy", values)
    path = save_camera("third", CameraProfile(maps=tmp_path / "mine.npy"))
    remove_camera("third")
    assert not path.with_suffix(".npy").exists()


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "a\\b", "-x", "orca.yaml", "t.CSV", "two words", "nul", "con.1", "x."]
)
def test_names_that_cannot_be(own_settings: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be called"):
        path_of(name)
    with pytest.raises(UserError, match="cannot be called"):
        save_camera(name, ORCA)
    assert not own_settings.exists()


def test_a_name_goes_before_a_file_and_a_path_never_means_a_name(
    own_settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orca").write_text("baseline: 7\n", encoding="utf-8")
    assert read_camera("orca").sources == {"baseline": "the camera file"}
    save_camera("orca", ORCA)
    read = read_camera("orca")
    assert read.numbers["baseline"] == 100
    assert read.notes == (
        f"the saved camera orca used; for the file of that name here say .{os.sep}orca",
    )
    for path in (f".{os.sep}orca", Path("orca")):
        assert read_camera(path).numbers == {"baseline": 7}
    with pytest.raises(UserError, match="no saved camera orka, and no camera file of that name"):
        read_camera("orka")
    with pytest.raises(UserError, match="cannot read the camera file orka.yaml"):
        read_camera("orka.yaml")


@pytest.mark.parametrize(
    ("system", "set_", "wanted"),
    [
        ("linux", {}, "{home}/.config/truevar"),
        ("linux", {"XDG_CONFIG_HOME": "{home}/x"}, "{home}/x/truevar"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, "{home}/.config/truevar"),
        ("darwin", {}, "{home}/Library/Application Support/truevar"),
        ("darwin", {"XDG_CONFIG_HOME": "{home}/x"}, "{home}/x/truevar"),
        ("win32", {"APPDATA": "{home}/Roaming"}, "{home}/Roaming/truevar"),
        ("win32", {}, "{home}/AppData/Roaming/truevar"),
    ],
)
def test_every_system_has_its_place(
    system: str,
    set_: dict[str, str],
    wanted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("APPDATA", raising=False)
    for name, value in set_.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    monkeypatch.setattr(saved_cameras.sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert configuration_folder() == Path(wanted.format(home=tmp_path))


def test_a_folder_that_cannot_be_made(own_settings: Path) -> None:
    own_settings.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot write"):
        save_camera("orca", ORCA)
    assert saved_names() == []
