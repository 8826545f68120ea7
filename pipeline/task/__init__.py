"""One node in a process of its own, as orchestrators start it: ``penstock node``."""
