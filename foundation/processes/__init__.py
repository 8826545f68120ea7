"""Processes: those that Penstock starts and ends, what they import and hold, and which one has something to itself."""
