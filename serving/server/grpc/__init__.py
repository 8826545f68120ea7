"""The gRPC front end: TF Serving's services."""
