"""Movies in files of every kind that is read."""
