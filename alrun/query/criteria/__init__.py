"""Criteria: how informative class probabilities are, and how such judgements combine."""
