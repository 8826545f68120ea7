"""TF Serving's REST API: paths, JSON in and out, and its HTTP server."""
