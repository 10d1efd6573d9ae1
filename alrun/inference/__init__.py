"""Inference modules, one per module: how predictions are made from a learner."""
