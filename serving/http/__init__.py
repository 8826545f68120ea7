"""HTTP/1.1 for any of our servers: connections, the front end that accepts them, and their sockets."""
