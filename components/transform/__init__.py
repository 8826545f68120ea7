"""Transform: declared transformations as a TFT ``preprocessing_fn``."""
