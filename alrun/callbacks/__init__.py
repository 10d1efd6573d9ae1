"""Callbacks, one per module: displays, logs and loggers."""
