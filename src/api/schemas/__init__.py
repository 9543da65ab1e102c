"""What clients send and are answered: one module per resource."""
