"""Work that is due at some time, done at least once."""
