"""What cdconf writes down on a host, in a directory for root alone."""
