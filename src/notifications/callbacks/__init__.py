"""Callbacks of services for text messages: what became of a message, and what its receiver answers."""
