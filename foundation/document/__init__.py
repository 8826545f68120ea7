"""Documents that a person writes in YAML: read with file, line and column, layered, typed, all problems at once."""
