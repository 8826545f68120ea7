"""BigQuery in place of a MongoDB export: TFX's own BigQueryExampleGen, configured by the document."""
