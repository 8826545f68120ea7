"""Google Cloud Dataflow: options checked before anything starts, the job, and what became of it."""
