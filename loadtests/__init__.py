"""Programs that load an engine of their own: to measure it, or to judge it by what it answered."""
