"""Criteria: scores of class probabilities that can be combined in expressions."""
