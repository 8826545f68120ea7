"""The gRPC side of the router: frames are spliced between clients and backends, messages are never decoded."""
