"""HTTP/2: framing, header compression, flow control and limits, for server and router alike."""
