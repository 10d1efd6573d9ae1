"""Metrology strategies, one per module."""
