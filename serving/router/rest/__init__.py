"""The REST side of the router: TF Serving's paths, and connections to the backends."""
