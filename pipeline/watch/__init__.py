"""``penstock watch``: saves start the run by themselves."""
