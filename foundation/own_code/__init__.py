"""A person's own code: where its modules are found, what it imports and reads, and what only running it would tell."""
