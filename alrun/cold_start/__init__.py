"""Cold start strategies, one per module: the first labels, before a model is trained."""
