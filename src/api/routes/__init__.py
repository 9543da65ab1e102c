"""The operations, one module per resource: each parses, calls one service and shapes the answer."""
