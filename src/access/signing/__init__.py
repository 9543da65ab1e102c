"""Keys with which a business signs the tokens of its users."""
