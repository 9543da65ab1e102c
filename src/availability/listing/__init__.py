"""Listings of free times, date by date, with a cache of rendered dates."""
