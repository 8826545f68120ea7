"""What an orchestrator needs to run a bundle: one room for each, listed in ``EXPORTERS``."""

from __future__ import annotations

EXPORTERS: dict[str, str] = {
    "airflow": "pipeline.scheduling.airflow.exporter:AirflowExporter",
    "kubeflow": "pipeline.scheduling.kubeflow.exporter:KubeflowExporter",
}
"""Name in ``penstock export NAME`` → ``module:Class`` of its exporter, see ``pipeline.scheduling.base``: add yours here."""
