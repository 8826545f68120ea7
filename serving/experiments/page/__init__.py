"""The web page of experiments: rendered on the server, without scripts or requests to anybody else."""
