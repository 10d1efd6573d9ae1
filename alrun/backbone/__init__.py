"""Backbones, one per module: the network that the heads of a multi-task learner share."""
