"""Releases on disk: staged, shared paths, kept and cleaned."""
