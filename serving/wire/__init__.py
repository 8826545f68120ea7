"""TF Serving's wire format, for server and client: data types, varints, tensors and message classes."""
