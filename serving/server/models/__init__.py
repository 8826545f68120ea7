"""Models and their versions: finds, loads, labels, leases and unloads them."""
