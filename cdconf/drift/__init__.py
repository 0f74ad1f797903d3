"""Drift: what on the hosts isn't as it was last applied, or as the files want it."""

from cdconf.drift.releases import activation_of, changed_files, check_releases, drifted, kind_of, runs_of, under_way

__all__ = ["activation_of", "changed_files", "check_releases", "drifted", "kind_of", "runs_of", "under_way"]
