"""An embedded, drop-in ``tensorflow_model_server``: same flags, files, gRPC and REST answers, and errors."""
