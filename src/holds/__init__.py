"""Holds: minutes kept for one visitor for a short time."""
