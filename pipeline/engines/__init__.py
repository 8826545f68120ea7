"""Beam engines: one file for each place where a pipeline of Beam can run, behind ``base``."""
