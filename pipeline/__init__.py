"""Penstock's pipeline: the declarative document, its graph, its plan, its runners and its lineage."""
