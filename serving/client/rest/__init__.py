"""The client's way to a server's REST API."""
