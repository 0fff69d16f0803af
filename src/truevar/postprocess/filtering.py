"""Rows of a table that meet a condition, written as one would say it.

``prob > 0.9 and sigma_x < 20``: comparisons of columns and numbers, joined by ``and``, ``or``,
``not`` and brackets, with arithmetic and a few functions. It is parsed and worked out here; nothing
in it is ever run as a program.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truevar.emitters import Emitters
from truevar.errors import UserError
from truevar.postprocess.neighbours import COMPUTED
from truevar.postprocess.steps import with_step

_COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "log10": np.log10,
}
_EXAMPLE = "such as prob > 0.9 and sigma_x < 20"


@dataclass(frozen=True)
class Filtered:
    """What met a condition.

    Attributes:
        emitters: those rows.
        before: number of rows there were.
        removed: per part of the condition (joined by ``and``), how many rows it alone removes.
    """

    emitters: Emitters
    before: int
    removed: dict[str, int]

    def text(self) -> str:
        """What was kept, and what each condition removed."""
        share = len(self.emitters) / self.before if self.before else 0.0
        lines = [f"kept:      {len(self.emitters):,} of {self.before:,} ({100 * share:.1f} %)"]
        width = max(map(len, self.removed), default=0)
        for part, count in self.removed.items():
            share = count / self.before if self.before else 0.0
            lines.append(f"  {part:<{width}}  removes {count:,} ({100 * share:.1f} %)")
        return "\n".join(lines)


def filter_rows(emitters: Emitters, where: str) -> Filtered:
    """The rows that meet a condition.

    Args:
        emitters: the table.
        where: the condition. Besides the table's columns it may name those that are
            worked out: :data:`truevar.postprocess.neighbours.COMPUTED`.

    Raises:
        UserError: it is no condition, or names a column that there is not.
    """
    tree = _parsed(where)
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    kept_N = np.ones(len(emitters), dtype=bool)
    removed = {}
    columns = _Columns(emitters)
    for part in parts:
        met_N = _rows(part, columns, len(emitters))
        removed[ast.unparse(part)] = int((~met_N).sum())
        kept_N &= met_N
    meta = with_step(emitters.meta, "filter", where=where, before=len(emitters))
    chosen = emitters.select(kept_N)
    return Filtered(Emitters(chosen.columns, meta), len(emitters), removed)


def _parsed(where: str) -> ast.expr:
    try:
        return ast.parse(where.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{where!r} is no condition; give one {_EXAMPLE}") from error


class _Columns:
    """Columns by name, those of the table or worked out."""

    def __init__(self, emitters: Emitters):
        self.emitters = emitters
        self._made: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name in self.emitters:
            return self.emitters[name]
        if name in COMPUTED:
            if name not in self._made:
                self._made[name] = COMPUTED[name](self.emitters)
            return self._made[name]
        known = [*self.emitters, *COMPUTED]
        near = get_close_matches(name, known, 1)
        instead = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise UserError(f"the table has no column {name!r}; {instead}")


def _rows(node: ast.expr, columns: _Columns, n: int) -> NDArray[np.bool_]:
    """(n,) whether a row meets a condition; NaN meets none."""
    if isinstance(node, ast.BoolOp):
        parts = [_rows(value, columns, n) for value in node.values]
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return np.asarray(join.reduce(parts), dtype=bool)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_rows(node.operand, columns, n)
    if isinstance(node, ast.Compare):
        terms = [_value(term, columns) for term in (node.left, *node.comparators)]
        met_N = np.ones(n, dtype=bool)
        for one, two, how in zip(terms[:-1], terms[1:], node.ops, strict=True):
            if type(how) not in _COMPARE:
                raise UserError(f"{ast.unparse(node)!r} is no comparison; give one {_EXAMPLE}")
            met_N &= np.broadcast_to(_COMPARE[type(how)](one, two), (n,))
        return met_N
    raise UserError(f"{ast.unparse(node)!r} is no condition; give one {_EXAMPLE}")


def _value(node: ast.expr, columns: _Columns) -> Any:
    """A number, or (n,) numbers."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _value(node.operand, columns)
        return -value if isinstance(node.op, ast.USub) else value
    with np.errstate(all="ignore"):
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            one, two = _value(node.left, columns), _value(node.right, columns)
            try:
                return _ARITHMETIC[type(node.op)](np.asarray(one, float), two)
            except (OverflowError, ValueError) as error:
                raise UserError(f"{ast.unparse(node)!r} cannot be worked out") from error
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _FUNCTIONS
            and len(node.args) == 1
            and not node.keywords
        ):
            return _FUNCTIONS[node.func.id](_value(node.args[0], columns))
    raise UserError(
        f"{ast.unparse(node)!r} is neither a column nor a number; known functions are "
        f"{', '.join(_FUNCTIONS)}"
    )
