"""Compares two samples of a feature by a test whose false alarms are known at any number of rows."""
