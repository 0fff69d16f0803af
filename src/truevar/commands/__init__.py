"""The commands of ``truevar``, a module each (``truevar.training.command`` is the last one)."""
