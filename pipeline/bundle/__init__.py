"""A bundle: a document compiled for production, with its code, and what a run binds to it."""
