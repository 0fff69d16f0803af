"""The commands of ``truevar``, a module each."""
