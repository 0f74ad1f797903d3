"""Drift: what on the hosts isn't as it was last applied, or as the files want it."""

from cdconf.drift.releases import changed_files, check_releases, drifted, runs_of, under_way

__all__ = ["changed_files", "check_releases", "drifted", "runs_of", "under_way"]
