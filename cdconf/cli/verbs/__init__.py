"""The verbs: one file for each, found by name in `cdconf.cli.main.VERBS`."""
