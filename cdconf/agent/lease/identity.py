"""Which host this is, and of which environment: the file that says so."""

IDENTITY = "identity.json"
