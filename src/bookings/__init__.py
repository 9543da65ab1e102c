"""Turning held time into appointments, and what becomes of them."""
