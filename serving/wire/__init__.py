"""TF Serving's messages on the wire, for server and client: data types, varints, tensors and message classes."""
