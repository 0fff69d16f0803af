"""Tables of emitters, one file a format."""
