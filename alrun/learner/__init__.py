"""Learners, one per module."""
