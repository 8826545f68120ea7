"""TFX components of Penstock, one folder each: config (light), component (declaration), executor (work)."""
