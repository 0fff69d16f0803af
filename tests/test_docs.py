"""The documentation: its commands and blocks run, its links lead somewhere, the site knows it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
import yaml

from truevar.cli import COMMANDS, build_parser, main
from truevar.commands import train
from truevar.commands.parser import Parser
from truevar.config import RunConfig
from truevar.errors import TrueVARWarning
from truevar.io.camera_file import read_camera_profile
from truevar.model.weights import available_models

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

RUN = [
    "start.md",
    "howto/camera.md",
    "howto/dense.md",
    "howto/live.md",
    "howto/no-gpu.md",
    "howto/onward.md",
    "howto/psf-width.md",
    "limits.md",
    "extend/format.md",
    "extend/psf.md",
]
"""Pages whose blocks are run in their order, but for those that say why not."""

OTHER_PROGRAMS = {"cd", "git", "napari", ".venv/bin/pip"}
"""What is no part of this project is not looked into."""

needs_model = pytest.mark.skipif(not available_models(), reason="no model came with the package")


class Block(NamedTuple):
    """A fenced block."""

    not_run: str
    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    form = r"^(?:<!-- not run: (.+?) -->\n)?```(\w*)\n(.*?)^```$"
    found = re.findall(form, path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(*one) for one in found]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of a block, without the variables that are set before it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"\w+=", words[0]):
            words.pop(0)
        if words:
            yield words


# What can be told without running


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_blocks_exist(path: Path) -> None:
    for block in blocks(path):
        if block.language == "sh":
            for words in commands(block.text):
                _check(words)


def _check(words: list[str]) -> None:
    if words[0] == "xvfb-run":
        words = words[words.index("python") :]
    program, *rest = words
    if program == "truevar" and "COMMAND" not in rest:
        build_parser(rest[:1]).parse_args(rest)
    elif program in ("python", "torchrun"):
        while rest and rest[0] in ("--nproc-per-node", "-W"):
            rest = rest[2:]
        if rest[:3] == ["-m", "pip", "install"]:
            for extra in re.findall(r"\[(\w+)\]", " ".join(rest)):
                assert extra in _extras(), f"there is no extra {extra}"
        elif rest[:2] == ["-m", "truevar.training"]:
            parser = Parser()
            train.add_arguments(parser)
            parser.parse_args(rest[2:])
        elif rest[:2] == ["-m", "pytest"]:
            assert all((ROOT / one).exists() for one in rest[2:] if "/" in one)
        else:
            _check_script(rest)
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert rest[0] in targets, f"make has no {rest[0]}"
    elif program != "truevar":
        assert program in OTHER_PROGRAMS, f"{program}: say in this test how it is checked"


def _extras() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, Any] = project["optional-dependencies"]
    return extras


def _check_script(words: list[str]) -> None:
    """A script of the repository: it is there, and its source names every option."""
    script = ROOT / words[0]
    assert script.is_file(), f"there is no {words[0]}"
    source = script.read_text(encoding="utf-8")
    for module in re.findall(r"from (truevar\.[\w.]+) import", source):  # the mission's doors
        part = ROOT / "src" / Path(*module.split("."))
        for path in (part.with_suffix(".py"), *part.glob("*.py")):
            source += path.read_text(encoding="utf-8") if path.is_file() else ""
    for word in words[1:]:
        option = word.partition("=")[0]
        assert not option.startswith("--") or f'"{option}"' in source, f"{words[0]}: {option}"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_in_the_text_have_their_options(path: Path) -> None:
    """Of `truevar x --y` in a sentence, and of commands in indented lines."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for said in re.findall(r"`(truevar [^`]+)`", text) + re.findall(
        r"^ {4}(truevar .+)$", text, re.MULTILINE
    ):
        words = said.replace("\\", " ").split("#")[0].split()
        if words[1] in ("COMMAND", "--version"):
            continue
        assert words[1] in COMMANDS, said
        known = set(_options(build_parser([words[1]])))
        given = [word.partition("=")[0] for word in words[: _end(words)] if word.startswith("--")]
        for option in (part for one in given for part in one.split("|--")):
            assert f"--{option.strip('-,).;:')}" in known, f"{said}: {option}"
    for said in re.findall(r"^ {4}python (benchmarks/.+?)(?:\\?)$", text, re.MULTILINE):
        _check_script(shlex.split(said.split("#")[0].replace("…", "")))


def _end(words: list[str]) -> int:
    """Up to the "--" behind which another script's options stand."""
    return words.index("--") if "--" in words else len(words)


def _options(parser: Any) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for part in action.choices.values():
                yield from _options(part)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{path.name} refers to {target}"
        if anchor and there.suffix == ".md" and "." not in anchor:
            assert anchor in _anchors(there), f"{path.name} refers to {target}"
        # The site holds docs/ and nothing else.
        if path.is_relative_to(DOCS):
            assert there.is_relative_to(DOCS), f"{path.name}: {target} is not in docs/"


def _anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", head.lower()).strip() for head in heads)
    return {re.sub(r"\s+", "-", head) for head in plain}


# The site


def _configuration() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return values


def _pages(nav: Any) -> Iterator[str]:
    for one in nav if isinstance(nav, list) else nav.values():
        yield from [one] if isinstance(one, str) else _pages(one)


def test_the_site_has_every_page_once() -> None:
    there = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(_pages(_configuration()["nav"])) == there


def test_lists_and_tables_are_seen_as_such() -> None:
    """Unlike GitHub's, the site's Markdown wants an empty line before them."""
    for path in DOCS.rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        before = ""
        for number, line in enumerate(text.splitlines(), 1):
            for begins in ("- ", "|"):
                stuck = line.startswith(begins) and before and not before.startswith(begins)
                inside = before.startswith((" ", "<!--")) or begins == "|" and before == ""
                assert not stuck or inside, f"{path.name}, line {number}: {line[:40]}"
            before = line


def test_the_reference_names_what_is_public() -> None:
    import truevar

    text = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: truevar\.(\w+)$", text, re.MULTILINE))
    assert named == set(truevar.__all__) - {"__version__"}


@pytest.mark.slow
def test_the_site_is_built(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason='needs the documentation\'s tools: pip install ".[docs]"')
    pytest.importorskip("mkdocstrings", reason='needs pip install ".[docs]"')
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--pixel-size NM" in (tmp_path / "reference" / "commands.html").read_text("utf-8")
    assert "psf_sigma" in (tmp_path / "reference" / "python.html").read_text("utf-8")
    # Pages are read offline, and nobody is told of it.
    outside = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="https?://(?!localhost)')
    for page in tmp_path.rglob("*.html"):
        found = outside.search(page.read_text("utf-8"))
        assert found is None, f"{page.name}: {found}"


# What is run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_settings: Path) -> Path:
    """Where the blocks run, with the files that the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    what = "--scene 2d-scmos --density 0.3 --frames 4 --size 32 -o movie.tif --truth known.csv"
    assert main(["simulate", *what.split(), "--quiet"]) == 0
    noise = np.random.default_rng(1).normal(100, 3, (20, 32, 32)).round().astype(np.uint16)
    tifffile.imwrite("dark.tif", noise, photometric="minisblack")
    maps = np.full((3, 32, 32), 100.0)
    maps[1], maps[2] = 10.0, 2.2
    np.save("maps.npy", maps)
    return tmp_path


def _smaller(words: list[str]) -> list[str]:
    """A command with a movie that takes less time: 4 frames of 32 px."""
    words = list(words)
    if words[1] == "simulate":
        words[words.index("--frames") + 1] = "4"
        words += ["--size", "32", "--overwrite"]
    elif "--size" in words:
        words[words.index("--size") + 1] = "32"
    return words


@needs_model
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_run(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": f"docs.{Path(page).stem}"}
    done = 0
    for block in blocks(DOCS / page):
        if block.not_run:
            continue
        if block.language == "python":
            with warnings.catch_warnings():
                # Of so few frames there is something to warn of.
                warnings.simplefilter("ignore", TrueVARWarning)
                exec(compile(block.text, page, "exec", dont_inherit=True), names)
            done += 1
        elif block.language == "sh":
            for words in commands(block.text):
                assert words[0] == "truevar", f"{page}: {words}"
                code = main(_smaller(words)[1:])
                assert code == 0, f"{page}: {words}: {capsys.readouterr().err}"
                done += 1
    assert done >= 2


def test_every_block_that_is_not_run_is_on_a_page_that_says_why() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        page = path.relative_to(DOCS).as_posix()
        for block in blocks(path):
            if block.language == "python":
                assert page in RUN, f"{page} has a block that nobody runs"


def test_the_camera_files_that_are_shown_can_be_read(tmp_path: Path) -> None:
    shown = [block for path in TEXTS for block in blocks(path) if block.language == "yaml"]
    assert shown
    for block in shown:
        (tmp_path / "camera.yaml").write_text(block.text, encoding="utf-8")
        assert len(read_camera_profile(tmp_path / "camera.yaml").numbers) >= 3


def test_the_recipe_of_training_can_be_used(tmp_path: Path) -> None:
    (recipe,) = (b.text for b in blocks(DOCS / "train-own.md") if b.language == "json")
    run = RunConfig.from_dict(json.loads(recipe))
    assert run.mix.psf_sigma == (1.9, 2.6)
    assert run.mix.domain()["cameras"] == ["sCMOS"]


@pytest.mark.slow
@needs_model
def test_the_commands_of_training_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = blocks(DOCS / "train-own.md")
    (recipe,) = (block.text for block in found if block.language == "json")
    Path("mine.json").write_text(recipe, encoding="utf-8")
    lines = [words for block in found if block.language == "sh" for words in commands(block.text)]
    assert len(lines) == 9
    for words in lines:
        words = _smaller(words)
        if words[1] == "train" and "--resume" not in words and "tokenizer" not in words:
            words += ["--crops", "2", "--batch", "2", "--no-validation"]
        elif "--resume" in words:
            words += ["--crops", "4", "--no-validation"]
        elif "tokenizer" in words:
            words[words.index("--minutes") + 1] = "0.05"
        assert main(words[1:]) == 0, f"{words}: {capsys.readouterr().err}"
