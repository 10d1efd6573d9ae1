"""Guards of the loop: signals, deadlines, named failures, threads."""
