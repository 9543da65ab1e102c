"""Measuring an engine over HTTP, beside bare FastAPI routes that answer the same requests with the same bytes."""
