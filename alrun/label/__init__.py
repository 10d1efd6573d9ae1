"""Label strategies, one a file."""
