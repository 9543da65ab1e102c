"""The outermost layer of every HTTP request: plain ASGI, without routes."""
