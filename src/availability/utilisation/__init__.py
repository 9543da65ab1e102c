"""Utilisation of resources on the coming dates, for the operations page."""
