"""The five phases of a step, one per module."""
