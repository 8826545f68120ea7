"""Queries to ML Metadata behind a small interface; no MLMD proto leaves this package."""
