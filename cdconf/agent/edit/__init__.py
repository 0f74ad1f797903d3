"""Changes one value of a configuration file and leaves every other byte as it is."""
