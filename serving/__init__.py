"""Model serving: an embedded TF Serving, an A/B router and clients."""
