"""Blocks of raw documents to rows: whole columns at a time, and one by one where that cannot be."""
