"""Loops that run beside the API: each can be run once by a test, or until told to stop."""
