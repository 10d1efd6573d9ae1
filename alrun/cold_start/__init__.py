"""Cold start strategies, one a file: the first labels, before there is a model."""
