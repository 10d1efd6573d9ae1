"""Runner: from a resolved config to objects and a driver; run directory, lock and resume."""
