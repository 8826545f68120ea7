"""The servers that ``penstock serve`` can start: ours, the real ``tensorflow_model_server``, its Docker image."""
