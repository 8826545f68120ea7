"""Loads a version so that it serves at once: session, batching parameters and warmup."""
