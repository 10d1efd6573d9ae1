"""Query strategies, one per module; scores and selection are pure functions."""
