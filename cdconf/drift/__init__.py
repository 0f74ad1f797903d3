"""Drift: what on the hosts isn't as it was last applied, or as the files want it."""

from cdconf.drift.releases import changed_files, check_releases

__all__ = ["changed_files", "check_releases"]
