"""The client's REST transport."""
