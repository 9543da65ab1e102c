"""Events in the order in which they took effect: the relay from the outbox, and the feed."""
