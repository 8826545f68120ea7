"""Loads a version ready to serve: session, batching parameters and warmup."""
