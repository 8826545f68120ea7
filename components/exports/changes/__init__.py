"""Exports of changes: events are recognised and folded to the last state of each document."""
