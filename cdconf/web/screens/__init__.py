"""One file per screen: what it shows, as data."""
