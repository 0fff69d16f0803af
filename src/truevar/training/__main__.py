"""``python -m truevar.training``: training with nothing installed but what it computes with."""

from truevar.commands.train import main

if __name__ == "__main__":
    raise SystemExit(main())
