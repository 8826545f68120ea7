"""Trials side by side: processes of their own, each of which fits one trial at a time."""
