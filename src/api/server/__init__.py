"""The HTTP server's side of the API: connections, and what is refused before the application sees a request."""
