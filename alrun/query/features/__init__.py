"""Feature kinds, one per module: representations in which rows are compared."""
