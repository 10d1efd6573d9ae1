"""Callbacks, one a file: those who look on."""
