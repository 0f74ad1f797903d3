"""Switches the feature toggles of apps in running environments."""
