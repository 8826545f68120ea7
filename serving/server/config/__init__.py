"""What the server is told: flags, options, and the text files they name."""
