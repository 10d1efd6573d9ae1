"""Data sources, one per module."""
