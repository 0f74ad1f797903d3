"""What happened: a journal that every run appends to, and a database that indexes it."""
