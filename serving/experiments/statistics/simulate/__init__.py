"""Simulated experiments with known truth, many at once."""
