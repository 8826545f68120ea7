"""The client's way to a server's gRPC services."""
