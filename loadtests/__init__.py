"""Programs that load an engine of their own, and judge it by what it answered."""
