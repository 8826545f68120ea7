"""Seeding: the same transformed examples and the same seed give the same weights, bit for bit."""

from __future__ import annotations

import keras


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, and resets Keras' counters of names and seeds.

    Args:
        seed: Seed of weights, shuffling and dropout.
    """
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
