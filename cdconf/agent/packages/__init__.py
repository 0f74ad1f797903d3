"""Packages as the package managers of hosts have them."""
