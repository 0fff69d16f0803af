"""How the doors' command lines spell the library's arguments."""

from __future__ import annotations

from collections.abc import Mapping

from truevar.wording import Argument, as_option, listed, option_value

_THEIRS = ("camera", "device", "frames", "model", "pixel_size", "psf_sigma", "roi")
"""Arguments that inference_true_var.py has options for, written with underscores."""


def as_door_option(one: Argument) -> str:
    """``--pixel_size NM``; camera numbers are in its file, for what is missing see `truevar`."""
    if isinstance(one.value, Mapping):
        numbers = [
            name if value is None else f"{name} {option_value(Argument(name, value))}"
            for name, value in one.value.items()
        ]
        return f"{listed(numbers)} in --camera FILE.yaml"
    if one.name not in _THEIRS:
        return f"`truevar localize {as_option(one)}`"
    if one.name == "frames" and isinstance(one.value, (list, tuple)):
        return f"--frames {one.value[1]}"  # here the first so many
    return as_option(one._replace(flag=f"--{one.name}"))
