"""Notifications: what a run tells people's receivers, by way of an outbox, and the process that sends it."""
