"""Export: a run as files that need no alrun: weights and network, labels, records, Croissant metadata."""
