"""The page on which users sign in."""
