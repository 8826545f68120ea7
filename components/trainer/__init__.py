"""Trainer: Keras 3 models, built-in or user-defined, exported for serving."""
