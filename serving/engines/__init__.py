"""The servers that ``penstock serve`` can start: ours, the real ``tensorflow_model_server``, and its Docker image."""
