"""Counters and histograms of the server, with TF Serving's names, as Prometheus reads them."""

from serving.server.metrics.metrics import Metrics

__all__ = ["Metrics"]
