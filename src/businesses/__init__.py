"""Businesses as their operator sees them: made, listed, suspended."""
