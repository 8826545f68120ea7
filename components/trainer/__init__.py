"""Trainer: Keras 3 models, built in or a person's own, exported for serving."""
