"""Dumps of whole databases: which of their files and collections hold documents of an application."""
