"""Shapes of data on the wire and in the files that cdconf keeps on a host, for type checkers: hosts don't get this."""
