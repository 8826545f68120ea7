"""The document of experiments, ``experiments.yaml``: its models, its reader and what contradicts in it."""
