"""Notifications: what is written to people about visits, and by which ways."""
