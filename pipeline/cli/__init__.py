"""The ``penstock`` command: one thin file per group of commands."""
