"""Experiments as Prometheus sees them."""
