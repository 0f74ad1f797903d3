"""The command line. Verbs are imported when they're called, so that `--help` stays quick."""

from __future__ import annotations


def main() -> None:
    """The entry point of the `cdconf` command."""
    from cdconf.cli.main import run

    run()
