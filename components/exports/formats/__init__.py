"""The formats of exports, one file for each."""
