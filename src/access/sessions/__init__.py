"""Sessions of users: sign-in links, access tokens, refresh tokens."""
