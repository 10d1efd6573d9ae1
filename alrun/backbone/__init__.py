"""Backbones, one a file: the network that the heads of a multi-task learner share."""
