"""Fitting: schedule, seeds, epochs as one traced loop, and callbacks."""
