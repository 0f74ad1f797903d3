"""Resource types, one folder each: `spec.py`, `agent.py` and `cases/*.yml`."""
