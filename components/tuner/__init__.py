"""Tuner: keras-tuner searches that resume."""
