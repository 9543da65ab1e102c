"""Deletion of businesses: begun once, finished whatever happens, and done again after a restore."""
