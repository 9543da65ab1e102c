"""Requests to addresses that customers chose, within the limits that keep them from doing harm."""
