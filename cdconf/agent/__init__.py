"""What runs on a host: stdlib only, Python 3.6 and later. Sent once, cached under its digest, spoken to in frames."""
