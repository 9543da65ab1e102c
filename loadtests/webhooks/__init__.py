"""Measurements of webhooks, on stores of their own: `python -m loadtests.webhooks flood|throughput|slow`."""
