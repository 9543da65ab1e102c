"""The operations page, which shows the state of the engine without other programs."""
