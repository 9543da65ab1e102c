"""Decisions on notifications: to whom, of what, when; pure."""
