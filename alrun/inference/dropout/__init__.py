"""Monte Carlo dropout: masks, and passes that share work."""
