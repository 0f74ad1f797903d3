"""Approvals by people: read and checked, counted, and given."""
