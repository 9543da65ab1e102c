"""Customers: look-up, history, consents, export, merging and erasure."""
