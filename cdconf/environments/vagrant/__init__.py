"""Hosts that Vagrant makes: virtual machines, or containers."""
