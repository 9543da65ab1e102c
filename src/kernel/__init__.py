"""Pure values that every package shares."""
