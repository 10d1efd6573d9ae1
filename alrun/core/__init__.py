"""Core: protocols, plain types, seeding and errors; imports no other package of alrun."""
