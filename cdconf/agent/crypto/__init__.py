"""Formats of keys and certificates, read without any program."""
