"""Sticky assignment: which arm a unit gets, and how few units move when shares change."""
