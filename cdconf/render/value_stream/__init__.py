"""The value stream for people: lines for a terminal, a picture, a page."""
