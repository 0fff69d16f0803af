"""What is done with a table of localisations: linking, filtering, resolution."""
