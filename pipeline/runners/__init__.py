"""Places where a graph runs, one file each."""
