"""Compose, check, suggest, allow: everything about configs before anything is built."""
