"""Requests made by Schemathesis from /openapi.json, and a comparison of every answer with that document."""
