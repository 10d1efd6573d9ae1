"""Pure functions from scores or features to picks, one algorithm per module."""
