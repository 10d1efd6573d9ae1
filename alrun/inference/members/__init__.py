"""Members of an ensemble in one module: trained and evaluated together."""
