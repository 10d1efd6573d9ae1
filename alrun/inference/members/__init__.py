"""Several learners in one module: trained and evaluated together."""
