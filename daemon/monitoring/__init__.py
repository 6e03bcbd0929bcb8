"""Metrics, health, the page, and the small server that shows them."""
