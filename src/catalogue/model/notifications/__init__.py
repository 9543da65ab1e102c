"""Notifications of a business: who is told what, by which channels, in which languages and words."""
