"""Query strategies, one a file; scores and selection are pure functions."""
