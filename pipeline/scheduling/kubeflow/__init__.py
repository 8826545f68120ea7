"""Kubeflow Pipelines and Vertex AI Pipelines: a bundle as their pipeline document, each node a container."""
