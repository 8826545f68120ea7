"""A router in front of any TF Serving: forwards REST and gRPC unchanged, and splits traffic by experiment."""
