"""A look for drift, as machines take it in."""
