"""Runs signatures in TensorFlow: SavedModels, sessions, threads and batches."""
