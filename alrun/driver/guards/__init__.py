"""Guards of the loop: signals, deadlines, errors of strategies, threads."""
