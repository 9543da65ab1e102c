"""Programs that measure the engine under load."""
