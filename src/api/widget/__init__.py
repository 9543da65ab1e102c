"""The booking widget: one script for the pages of a business, and a page that has nothing else on it."""
