"""Erasure of customers: begun once, finished whatever happens, and done again after a restore."""
