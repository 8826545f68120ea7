"""The client's gRPC transport."""
