"""Store: durable writes, checkpoints, label log, records, lock; the only package that opens files for writing."""
