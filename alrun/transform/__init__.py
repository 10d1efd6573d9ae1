"""Transformations of data sets, one a file: what the pool, the labels or the test rows are made of is changed."""
