"""How soon the cache hears of a commit, and what telling it costs the one who books."""
