"""The commands of ``truevar``, a module each (``truevar.train.command`` is the last one)."""
