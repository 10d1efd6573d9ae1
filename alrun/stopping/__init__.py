"""Stopping criteria, one a file."""
