"""One run at a time works on a host."""
