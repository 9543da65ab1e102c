"""Free times: the rules that listing, hold and confirmation share, and the state they read."""
