"""Laplace approximation of a last layer."""
