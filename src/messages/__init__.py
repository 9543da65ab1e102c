"""Messages to people: what they say, and the channels that carry them."""
