"""Where the table came from: camera, PSF, model, what was done to it, and how to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from truevar.view.report.section import (
    Section,
    Told,
    escaped,
    figure_of,
    listed,
    number_in,
    numbers_in,
    paragraphs,
    steps_of,
    table,
    words,
)

_SOURCES = {
    "given": "you gave it",
    "the movie's tags": "the movie's file says so",
    "estimated from the movie": "estimated from the movie itself",
    "estimated by photon transfer": "estimated from the movie's noise; a calibration is better",
    "assumed": "assumed: nobody told",
}
_UNKNOWN = "the table does not say"

_CAMERA = (
    ("baseline", "Baseline", "ADU", "what a pixel reads without light"),
    ("e_per_adu", "Conversion", "electrons per ADU", "what one grey level of the file stands for"),
    ("em_gain", "EM gain", "", "multiplication of an EMCCD; 1 for every other camera"),
    ("read_sigma", "Read noise", "electrons RMS", "the camera's own noise, after the EM gain"),
)
_OPTIONS = {
    "baseline": "--baseline",
    "e_per_adu": "--e-per-adu",
    "em_gain": "--em-gain",
    "read_sigma": "--read-noise",
}


def steps_section(told: Told) -> Section:
    """What was done to the table after localising."""
    lines = []
    for step in steps_of(told.meta):
        if not isinstance(step, Mapping):
            lines.append(words(step))
            continue
        numbers = ", ".join(
            f"{escaped(key)} <code>{words(value)}</code>"
            for key, value in step.items()
            if key not in ("step", "program")
        )
        by = f' <span class="quiet">({words(step["program"])})</span>' if "program" in step else ""
        lines.append(f"<strong>{words(step.get('step', 'a step'))}</strong> {numbers}{by}")
    text = (
        listed(lines)
        if lines
        else paragraphs("Nothing was done to the table after localising, as far as it tells.")
    )
    return Section("steps", "Steps taken", text)


def made_with_section(told: Told) -> Section:
    """Camera, PSF and model, and who said so."""
    meta = told.meta
    sources = meta.get("sources")
    sources = sources if isinstance(sources, Mapping) else {}
    rows = [
        ("Movie", words(meta.get("movie", _UNKNOWN)), "", ""),
        ("Region", _region(meta), "", "what was looked at"),
        _row(
            meta, sources, "pixel_size", "Pixel size", "nm", "width of a camera pixel in the sample"
        ),
    ]
    sigma = number_in(meta, "psf_sigma")
    wide = f"; {figure_of(2.355 * sigma, 3)} nm across at half height" if sigma else ""
    meaning = f"standard deviation of the blurred spot that one emitter makes{wide}"
    rows.append(_row(meta, sources, "psf_sigma", "PSF width", "nm", meaning))
    camera = meta.get("camera")
    camera = camera if isinstance(camera, Mapping) else {}
    of_camera = {
        name: sources.get(f"camera.{name}", sources.get("camera", camera.get("source")))
        for name, *_ in _CAMERA
    }
    rows += [_row(camera, of_camera, *one) for one in _CAMERA]
    if camera.get("per_pixel_maps"):
        rows.append(
            ("Camera maps", "yes", "", "every pixel has its own numbers; above are medians")
        )
    rows += [
        ("Model", words(meta.get("model", _UNKNOWN)), "", "the network that decided"),
        (
            "Least probability",
            words(meta.get("min_prob", _UNKNOWN)),
            "",
            "less probable ones were left out",
        ),
        ("Program", words(meta.get("program", _UNKNOWN)), "", _computed(meta)),
    ]
    text = table(("What", "Value", "Where from", "What it is"), rows)
    text += paragraphs(
        "Photons are detected photo-electrons: (ADU − baseline) × conversion ÷ EM gain. If the "
        "conversion or the baseline is wrong, photons, background and errors are wrong too."
    )
    notes = _lines(meta, "notes")
    if notes:
        text += "<h3>Notes</h3>\n" + listed([escaped(note) for note in notes])
    return Section("made-with", "Made with", text)


def warnings_section(told: Told) -> Section | None:
    """Every warning that the metadata keep; nothing where there is none."""
    lines = [escaped(line) for line in _lines(told.meta, "warnings")]
    if not lines:
        return None
    return Section("warnings", "Warnings", listed(lines, "warning"))


def again_section(told: Told) -> Section:
    """The command that makes the table again."""
    meta = told.meta
    given = meta.get("command")
    if isinstance(given, str) and given.strip():
        text = paragraphs("The command that was given:") + _command(given)
        return Section("again", "To repeat it", text)
    if "movie" not in meta or "model" not in meta:
        text = paragraphs(
            "The table does not hold the command it was made with, nor movie and model."
        )
        return Section("again", "To repeat it", text)
    text = paragraphs(
        "The table does not hold the command it was made with. This one, put together from its "
        "metadata, uses the same numbers, those that were estimated included:"
    ) + _command(shlex.join(rebuilt(meta)))
    remarks = []
    camera = meta.get("camera")
    if isinstance(camera, Mapping):
        if camera.get("per_pixel_maps"):
            remarks.append("Camera maps were used: put their file in place of MAPS.npy.")
        if number_in(camera, "cic"):
            remarks.append(
                f"A clock-induced charge of {words(camera['cic'])} electrons was used, which has "
                "no option: give it in a camera file (<code>--camera</code>)."
            )
    if " to " in str(meta["movie"]):
        remarks.append("The movie is in several files: name them all.")
    if steps_of(meta):
        remarks.append("Then repeat what was done to the table, as above.")
    return Section("again", "To repeat it", text + (listed(remarks) if remarks else ""))


def rebuilt(meta: Mapping[str, Any]) -> list[str]:
    """``truevar localize`` with the numbers that metadata hold, as a list of words."""
    command = ["truevar", "localize", str(meta["movie"]), "-o", "again.csv"]
    command += ["--model", str(meta["model"])]
    for name, option in (("pixel_size", "--pixel-size"), ("psf_sigma", "--psf-sigma")):
        if (value := number_in(meta, name)) is not None:
            command += [option, repr(value)]
    camera = meta.get("camera")
    camera = camera if isinstance(camera, Mapping) else {}
    if camera.get("per_pixel_maps"):
        command += ["--camera-maps", "MAPS.npy"]
    else:
        for name, option in _OPTIONS.items():
            if (value := number_in(camera, name)) is not None:
                command += [option, repr(value)]
    frames, region = numbers_in(meta, "frame_range", 2), numbers_in(meta, "region", 4)
    if frames and [*frames] != [0, meta.get("frames")]:
        command += ["--frames", "{:.0f}:{:.0f}".format(*frames)]
    if region and [*region] != [0, meta.get("width"), 0, meta.get("height")]:
        command += ["--roi", "{:.0f}:{:.0f},{:.0f}:{:.0f}".format(*region)]
    if (value := number_in(meta, "min_prob")) is not None:
        command += ["--min-prob", repr(value)]
    if isinstance(meta.get("precision"), str):
        command += ["--precision", meta["precision"]]
    if any(str(note).startswith("a preview:") for note in _lines(meta, "notes")):
        command.append("--preview")
    elif meta.get("refined") is False:
        command.append("--no-refine")
    return command


def _command(text: str) -> str:
    return f'<pre tabindex="0" aria-label="Command">{escaped(text)}</pre>\n'


def _row(
    values: Mapping[str, Any],
    sources: Mapping[str, Any],
    name: str,
    title: str,
    unit: str,
    meaning: str,
) -> tuple[str, str, str, str]:
    value = number_in(values, name)
    if value is None:
        return title, _UNKNOWN, "", meaning
    source = sources.get(name)
    where = "" if source is None else escaped(_SOURCES.get(str(source), str(source)))
    return title, f"{figure_of(value)} {unit}".strip(), where, meaning


def _region(meta: Mapping[str, Any]) -> str:
    region, frames = numbers_in(meta, "region", 4), numbers_in(meta, "frame_range", 2)
    parts = []
    if region:
        x0, x1, y0, y1 = region
        parts.append(f"px {x0:.0f}–{x1 - 1:.0f} across, {y0:.0f}–{y1 - 1:.0f} down")
    elif number_in(meta, "width") and number_in(meta, "height"):
        parts.append(f"{words(meta['width'])} × {words(meta['height'])} px")
    if frames:
        parts.append(f"frames {frames[0]:,.0f}–{frames[1] - 1:,.0f}")
    elif number_in(meta, "frames"):
        parts.append(f"{words(meta['frames'])} frames")
    return ", ".join(parts) or _UNKNOWN


def _computed(meta: Mapping[str, Any]) -> str:
    parts = [words(meta[name]) for name in ("device", "precision") if name in meta]
    seconds = number_in(meta, "seconds")
    return ", ".join([*parts, f"{figure_of(seconds, 3)} s"] if seconds else parts)


def _lines(meta: Mapping[str, Any], name: str) -> list[str]:
    lines = meta.get(name)
    return [str(line) for line in lines] if isinstance(lines, (list, tuple)) else []
