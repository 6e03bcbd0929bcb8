"""Metrics, health, and the little server that shows them."""
