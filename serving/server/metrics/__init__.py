"""The server's counters and histograms, under TF Serving's names, for Prometheus."""

from serving.server.metrics.metrics import Metrics

__all__ = ["Metrics"]
