"""An app's feature toggles on a host."""
