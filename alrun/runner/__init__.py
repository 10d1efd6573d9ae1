"""Resolved config to objects to driver; run identity, lock, resume."""
