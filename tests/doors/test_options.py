"""How the doors spell arguments."""

from __future__ import annotations

from truevar.doors.inference import _parser
from truevar.doors.options import _THEIRS, as_door_option
from truevar.wording import Message, argument, subject


def test_the_spelling_of_the_doors() -> None:
    said = {
        argument("pixel_size", "NM"): "--pixel_size NM",
        subject("psf_sigma"): "--psf_sigma",
        argument("roi"): "--roi",
        argument("frames", (0, 12)): "--frames 12",
        argument("camera", {"em_gain": None}): "em_gain in --camera FILE.yaml",
        argument("camera", {"em_gain": 1, "e_per_adu": 2.2}): (
            "em_gain 1 and e_per_adu 2.2 in --camera FILE.yaml"
        ),
        argument("axes", "yxt"): "`truevar localize --axes yxt`",
    }
    for marked, wanted in said.items():
        assert Message(marked).for_command_line(as_door_option) == wanted


def test_the_options_are_there() -> None:
    known = {option for action in _parser()._actions for option in action.option_strings}
    assert {as_door_option_of(name) for name in _THEIRS} <= known


def as_door_option_of(name: str) -> str:
    return Message(argument(name)).for_command_line(as_door_option)
