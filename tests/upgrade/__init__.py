"""What older versions have left on hosts, in checkouts and in databases, and what this version makes of it."""
