"""BulkInferrer: predictions for a batch of documents, keyed by ``_id``."""
