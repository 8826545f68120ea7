"""ExampleValidator: TFDV checks the statistics against the schema; stock TFX."""
