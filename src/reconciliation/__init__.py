"""Comparison of the two stores with each other, and of Postgres with itself."""
