"""The command line. A verb's module is imported only when the verb is called, so that `--help` stays fast."""

from __future__ import annotations


def main() -> None:
    """The entry point of the `cdconf` command."""
    from cdconf.cli.main import run

    run()
