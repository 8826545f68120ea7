"""The state of experiments, shared by all replicas: exposures, rewards, versioned documents and events."""
