"""Webhooks: the endpoints of a business, and the delivery of events to them."""
