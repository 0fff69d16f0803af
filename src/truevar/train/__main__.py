"""``python -m truevar.train``: training with nothing installed but what it computes with."""

from truevar.train.command import main

if __name__ == "__main__":
    raise SystemExit(main())
