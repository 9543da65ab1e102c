"""Putting the program together: settings, stores, services."""
