"""Packages that only some formats need: imported when such a file is opened, or a line says how."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from truevar.errors import UserError


def need_package(module: str, what: str, extra: str) -> Any:
    """A module of a package that comes with an extra of this one.

    Args:
        module: such as ``"pyarrow.parquet"``.
        what: the files that need it, such as ``"a .parquet"``.
        extra: of ``truevar``, such as ``"parquet"``.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        # In double quotes, which Windows' command line understands as well.
        raise UserError(
            f"{what} needs {package}, which is not installed; install it with: "
            f'pip install "truevar[{extra}]"'
        ) from error
