"""The databases of apps: their migrations, and which of them hosts remember."""
