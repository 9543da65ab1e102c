"""Attacks, one a module: each has `attack`, `BESIDE_VISITORS` and `ENVIRONMENT`."""
