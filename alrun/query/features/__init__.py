"""Feature kinds, one a file: what the rows of a batch are compared by."""
