"""Experiments as they run: assignment, the tick that feeds every taker, and following the document."""
