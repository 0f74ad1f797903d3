"""What a host remembers of an app's database migrations."""
