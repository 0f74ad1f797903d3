"""Hosts in Docker: their images, containers, boot, sizes and ports, and snapshots of converged ones."""
