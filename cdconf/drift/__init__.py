"""Drift: what on the hosts isn't as it was last applied, or as the files want it."""

from cdconf.drift.releases import check_releases

__all__ = ["check_releases"]
