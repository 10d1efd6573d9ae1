"""Compose, check, allow: everything about configs before anything is built."""
