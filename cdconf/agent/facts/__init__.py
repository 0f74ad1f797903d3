"""Read-only data of a host."""
