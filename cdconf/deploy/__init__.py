"""Brings releases to hosts, batch by batch, and takes them back: deploy, rollback."""
