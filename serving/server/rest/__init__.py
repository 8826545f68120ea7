"""TF Serving's REST API: paths, JSON both ways, and the HTTP server that carries them."""
