"""Inference modules, one a file: how predictions are made from a learner."""
