"""The command ``penstock``: one file per group of commands, thin."""
