"""Trackers, one per module: each brings a store of metrics to hold what the records of a run hold."""
