"""The audit log: what was done to a business, the chain that shows if that was changed, and the search in it."""
