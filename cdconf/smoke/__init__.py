"""Smoke tests: the roles' testinfra tests, run through the live sessions."""

from cdconf.smoke.runner import Report, run_smoke

__all__ = ["Report", "run_smoke"]
