"""Movies and tables in files; only here are foreign conventions converted."""
