"""Fixtures for all tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truevar.doors.options import as_door_option
from truevar.wording import Message

_SMALL: dict[str, Any] = {
    "model": {
        "patch_nums": [10, 20, 40, 80],
        "embed_dim": 48,
        "num_heads": 4,
        "num_layers": 1,
        "vocab_size": 512,
        "stem_channels": 8,
        "frame_channels": 4,
        "joint_blocks": 1,
        "wide_channels": 8,
        "code_channels": 4,
    },
    "training": {
        "input_resolution": [40, 40],
        "target_resolutions": {f"target_{n}": [n, n] for n in (10, 20, 40, 80)},
        "batch_size": 2,
        "micro_batch": 1,
        "other_inputs": [],
        "device": "cpu",
    },
}


@pytest.fixture(scope="session")
def small_config_text() -> str:
    """A configuration like config_true_var.json whose model trains within seconds."""
    return json.dumps(_SMALL)


@pytest.fixture
def small_configuration(small_config_text: str) -> dict[str, Any]:
    """The same as values, to change."""
    values: dict[str, Any] = json.loads(small_config_text)
    return values


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and foreign data, which is not part of the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the shared data, and there is no {folder}")
    return folder


@pytest.fixture
def own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, empty, in place of the user's."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder / "truevar"


@pytest.fixture(autouse=True)
def _one_line_without_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test makes the program say is one line without the marks of arguments."""
    make = Message.__new__

    def judged(kind: type[Message], text: str) -> Message:
        message = make(kind, text)
        for shown in (
            message,
            message.for_command_line(),
            message.for_command_line(as_door_option),
        ):
            assert '\0{"name"' not in shown, shown
            assert len(shown.splitlines()) <= 1, shown
        return message

    monkeypatch.setattr(Message, "__new__", judged)
