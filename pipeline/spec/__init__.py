"""The declarative document: typed models, YAML, overrides, errors with file and line."""
