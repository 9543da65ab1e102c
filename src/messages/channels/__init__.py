"""Channels: what carries messages out of the engine."""
