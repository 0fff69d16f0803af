"""What MkDocs is told beside mkdocs.yml: the reference of the commands, from the program itself."""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path
from typing import Any

_MARK = "<!-- commands -->"
_SOURCE = Path(__file__).parents[2] / "src"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Put the help of every command in place of the mark."""
    return markdown.replace(_MARK, commands()) if _MARK in markdown else markdown


def commands() -> str:
    """Markdown: a section for each command, with its help as it is printed."""
    sys.path.insert(0, str(_SOURCE))
    os.environ.update(COLUMNS="88", NO_COLOR="1")
    from truevar.cli import COMMANDS, build_parser

    parts = []
    for name, (_, line) in COMMANDS.items():
        parts.append(f"## truevar {name}\n\n{line[0].upper()}{line[1:]}.\n")
        for parser in _with_parts(build_parser([name]), name):
            text = html.escape(parser.format_help().rstrip(), quote=False)
            parts.append(f'<pre class="help"><code>{text}</code></pre>\n')
    return "\n".join(parts)


def _with_parts(parser: Any, name: str) -> list[Any]:
    """The parser of a command, and of what it is divided into."""
    chosen = _choices(parser)[name]
    return [chosen, *_choices(chosen).values()]


def _choices(parser: Any) -> dict[str, Any]:
    for action in parser._actions:
        if isinstance(action.choices, dict):
            return action.choices
    return {}
