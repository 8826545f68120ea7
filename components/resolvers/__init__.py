"""Resolvers: which earlier artifacts a run compares itself with."""
