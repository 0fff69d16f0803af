"""Looking at tables and movies."""
