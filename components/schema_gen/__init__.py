"""SchemaInferrer: the first schema of a pipeline, inferred from the statistics of all splits."""
