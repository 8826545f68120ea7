"""Configuration for TF Serving from one small document: text files, docker compose and Kubernetes.

Nothing here talks to Docker or a cluster: files are written, and read back to check them.
"""

from __future__ import annotations
