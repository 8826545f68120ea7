"""ExampleValidator: TFDV holds the statistics against the schema; stock TFX."""
