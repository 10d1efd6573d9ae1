"""Stopping criteria, one per module."""
