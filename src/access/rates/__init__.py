"""Rates: how much of the engine's work callers may cause in some time."""
