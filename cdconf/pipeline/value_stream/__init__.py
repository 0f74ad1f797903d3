"""How long a change takes from its commit to an environment, and of what that time is made."""
