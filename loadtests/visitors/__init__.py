"""Simulated visitors: what they decide, how they ask, and what they make of the answers."""
