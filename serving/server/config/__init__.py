"""The server's configuration: flags, options, and the text files they name."""
