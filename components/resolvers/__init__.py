"""Resolvers: the earlier artifacts that a run is compared with."""
