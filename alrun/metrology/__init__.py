"""Metrology strategies, one a file."""
