"""``python -m truevar``: the command line where ``truevar`` is not on the path."""

from truevar.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
