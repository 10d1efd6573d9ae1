"""Statistics of a comparison: pure functions on arrays and tables."""
