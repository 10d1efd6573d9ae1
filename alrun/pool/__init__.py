"""Pools: the table of who is labeled, subsets of a source, what is labeled, what may be asked for."""
