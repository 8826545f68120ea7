"""Builds the environment ``.venv``: on a bare Python, with nothing but its standard library."""
