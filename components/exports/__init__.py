"""Reads MongoDB exports: finds the files, recognises their format and yields their documents."""
