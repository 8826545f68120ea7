"""The router beside the model server, under docker compose and in Kubernetes."""
