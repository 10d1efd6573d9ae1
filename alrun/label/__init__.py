"""Label strategies, one per module."""
