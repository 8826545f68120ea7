"""Model serving: an embedded TF Serving, clients and deployment files."""
