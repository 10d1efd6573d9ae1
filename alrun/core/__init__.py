"""Protocols, plain types, seeding and errors: what every other room may import, and imports nothing itself."""
