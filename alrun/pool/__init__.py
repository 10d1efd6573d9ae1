"""Pools: the status table, subsets of a source, the training pool and the unlabeled pool."""
