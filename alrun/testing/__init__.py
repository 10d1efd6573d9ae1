"""Shipped to users: the strategy conformance suite."""
