"""A run from start to finish: session, book, lock, sweep, finish; also comparing runs and cleaning up after them."""
