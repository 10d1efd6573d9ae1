"""Durable writes, checkpoints, label log, records, lock: the only room that opens files for writing."""
