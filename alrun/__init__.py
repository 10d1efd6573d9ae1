"""alrun: the experiment runner for active learning."""

__version__ = "0.1.0"
