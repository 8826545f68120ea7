"""Questions to ML Metadata behind a small interface of our own; no MLMD proto leaves this package."""
