"""API keys of a business: listed, made, rotated and revoked by its owner."""
