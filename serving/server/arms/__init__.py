"""Experiments in the server's own process: each request's arm, without a hop."""
