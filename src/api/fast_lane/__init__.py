"""A shorter way for the five busiest operations, past FastAPI (ADR 0029)."""
