"""Data sources, one a file, and the pools that view them."""
