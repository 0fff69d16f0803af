"""The file of a report: what it holds, and what it must not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import truevar
from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.drift import Drift
from truevar.postprocess.filtering import filter_rows
from truevar.postprocess.linking import link
from truevar.view.report.page import SECTIONS, report

VOID = {"meta", "img", "input", "br", "link", "hr", "path", "polyline"}


class Outline(HTMLParser):
    """Elements, their attributes and text; whether each is closed where it should be."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def with_tag(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.seen if tag in tags]


def written(emitters: Emitters, folder: Path, **more: object) -> str:
    path = folder / "report.html"
    report(emitters, path, overwrite=True, **more)  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


def test_it_is_one_sound_page(emitters: Emitters, tmp_path: Path) -> None:
    outline = Outline(written(emitters, tmp_path))
    names = [attrs["id"] for _, attrs in outline.seen if "id" in attrs]
    assert len(names) == len(set(names))
    sections = [attrs["id"] for attrs in outline.with_tag("section")]
    assert len(sections) == len(SECTIONS) - 3  # not linked: no kinetics; and no drift, no movie
    targets = [str(attrs["href"]) for attrs in outline.with_tag("a")]
    assert targets[1:] == [f"#{name}" for name in sections]
    for attrs in outline.with_tag("label", "output"):
        assert attrs.get("for") in (None, *names)
    assert "2,000" in outline.text
    assert "a warning of the kind that must not be lost" in outline.text
    assert "you gave it" in outline.text
    assert "estimated from the movie itself" in outline.text


@pytest.mark.usefixtures("few_scales")
def test_what_is_used_can_be_reached_and_has_a_name(emitters: Emitters, tmp_path: Path) -> None:
    outline = Outline(written(emitters, tmp_path, movie=np.ones((200, 64, 64), np.uint16)))
    assert all(attrs.get("alt") for attrs in outline.with_tag("img"))
    for attrs in outline.with_tag("canvas", "svg"):
        assert attrs.get("aria-label")
        assert attrs.get("role")
    assert not any("tabindex" in attrs and attrs["tabindex"] != "0" for _, attrs in outline.seen)
    (html,) = outline.with_tag("html")
    assert html["lang"] == "en"


def test_nothing_is_fetched(emitters: Emitters, tmp_path: Path) -> None:
    text = written(emitters, tmp_path)
    outline = Outline(text)
    for _, attrs in outline.seen:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert str(attrs.get(name, "#")).startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"https?://|@import|url\(|\bfetch\b\(|XMLHttpRequest|import\(", text)
    policy = next(
        str(attrs["content"]) for attrs in outline.with_tag("meta") if "http-equiv" in attrs
    )
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_metadata_are_text(emitters: Emitters, tmp_path: Path) -> None:
    evil = "</script><script>alert('\"1\"')</script><img src=x onerror=alert(2)>"
    plain = Outline(written(emitters, tmp_path))
    names = ("movie", "program", "model", "device", "precision", "min_prob", "command", "width")
    meta = {**emitters.meta, **dict.fromkeys(names, evil), evil: evil}
    meta["notes"], meta["warnings"] = [evil, 3], [evil, None]
    meta["sources"] = {"pixel_size": evil, evil: evil}
    meta["camera"] = {**meta["camera"], "source": evil, evil: evil}
    meta["steps"] = [{"step": evil, evil: evil, "program": evil}, evil]
    text = written(Emitters(emitters.columns, meta), tmp_path)
    outline = Outline(text)
    for tag in ("script", "img"):
        assert len(outline.with_tag(tag)) == len(plain.with_tag(tag))
    assert not any("onerror" in attrs for _, attrs in outline.seen)
    assert outline.text.count(evil) >= 9
    assert "alert(" not in "".join(re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL))


@pytest.mark.parametrize("value", [None, "?", [], [1], {}, float("nan"), True, -1])
def test_odd_metadata_are_no_obstacle(emitters: Emitters, tmp_path: Path, value: object) -> None:
    kept = ("pixel_size", "width", "height", "frames")  # judged where they are read
    meta = {name: emitters.meta[name] if name in kept else value for name in emitters.meta}
    Outline(written(Emitters(emitters.columns, {**meta, "steps": value}), tmp_path))


def test_tables_of_few_columns_or_rows(emitters: Emitters, tmp_path: Path) -> None:
    bare = Emitters({"frame": [3, 5], "x": [0.0, np.nan], "y": [1.0, 2.0]})
    text = Outline(written(bare, tmp_path)).text
    assert "1 rows without a position" in text
    assert "no errors of positions" in text
    assert "does not hold the command" in text
    assert "0" in Outline(written(emitters.select([]), tmp_path)).text
    holes = emitters.with_columns(
        **{name: np.full(len(emitters), np.nan) for name in ("sigma_x", "prob", "photons", "bg")}
    )
    assert "no values" in Outline(written(holes, tmp_path)).text


def test_resolution_and_drift(emitters: Emitters, tmp_path: Path) -> None:
    """Of a table of single localisations; the drift where it is given."""
    frame_F = np.arange(200)
    x_F, sigma_F = np.sin(frame_F / 30) * 40, np.full(200, 2.0)
    drift = Drift(frame_F, x_F, 0 * x_F, sigma_F, sigma_F, np.array([77]))
    outline = Outline(written(emitters, tmp_path, drift=drift))
    labels = [str(attrs["aria-label"]) for attrs in outline.with_tag("svg")]
    assert any(label.startswith("Drift along x") and "-40 to 40 nm" in label for label in labels)
    assert any(label.startswith("Fourier ring correlation") for label in labels)
    assert "80 nm along x" in outline.text
    assert "± 2 nm along x" in outline.text
    assert "jumped at frame 77" in outline.text
    assert "does not see artefacts" in outline.text

    text = Outline(written(emitters.select(range(100)), tmp_path)).text
    assert "100 localisations are too few" in text
    assert "Drift" not in text
    linked = link(emitters, radius=60, gap=3).emitters
    assert "told by single localisations" in Outline(written(linked, tmp_path)).text


def test_a_drift_curve_is_read_as_it_was_written(tmp_path: Path) -> None:
    frame_F = np.arange(5, 25)
    drift = Drift(frame_F, frame_F / 3, -frame_F / 7, frame_F / 50, frame_F / 60, np.array([9]))
    drift.write(tmp_path / "d.csv")
    read = Drift.read(tmp_path / "d.csv")
    assert read.frame_F.tolist() == frame_F.tolist()
    for name in ("x_F", "y_F", "sigma_x_F", "sigma_y_F"):
        np.testing.assert_allclose(getattr(read, name), getattr(drift, name), atol=5.1e-4)
    for wrong in ("", "frame,x\n1,2\n", "frame,x [nm],y [nm],sigma_x [nm],sigma_y [nm]\n1,2,a\n"):
        (tmp_path / "wrong.csv").write_text(wrong, encoding="utf-8")
        with pytest.raises(UserError, match="no drift curve"):
            Drift.read(tmp_path / "wrong.csv")
    with pytest.raises(UserError, match="cannot read"):
        Drift.read(tmp_path / "none.csv")


def test_steps_and_kinetics(emitters: Emitters, tmp_path: Path) -> None:
    molecules = filter_rows(link(emitters, radius=60, gap=3).emitters, "prob > 0.8").emitters
    text = Outline(written(molecules, tmp_path)).text
    assert "Kinetics" in text
    assert "prob > 0.8" in text
    assert re.search(r"link\s+radius 60, gap 3", text)
    assert f"{len(molecules):,} molecules" in text


def test_what_cannot_be_written_is_said(emitters: Emitters, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    truevar.report(emitters, path)
    before = path.read_bytes()
    with pytest.raises(truevar.UserError, match="overwrite=True"):
        truevar.report(emitters, path)
    with pytest.raises(truevar.UserError, match=r"must be \.html"):
        truevar.report(emitters, tmp_path / "report.pdf")
    with pytest.raises(truevar.UserError, match="no folder"):
        truevar.report(emitters, tmp_path / "none" / "report.html")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
