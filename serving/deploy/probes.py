"""Probes that tell from outside whether TF Serving is up.

What TF Serving reveals:

- Its ports stay closed until every configured model has had an available version. An open port therefore means that
  start-up is complete: the start-up probe.
- A model's status answers 200 whatever state its versions are in, so it shows that HTTP works, not that the model can
  be called. It is still the readiness and liveness probe: a model that later loses all its versions loses them in every
  replica at once, and removing all replicas would take down the other models too.
- Metrics and clients (``Client.wait_until_ready``) can tell which versions are available; a probe cannot.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from serving.deploy.document import DeployDocument

_STARTUP_PERIOD = 5


def status_path(document: DeployDocument) -> str:
    """Returns the URL path of the first model's status."""
    return "/v1/models/" + quote(next(iter(document.models)), safe="")


def probes(document: DeployDocument) -> dict[str, Any]:
    """Returns the start-up, readiness and liveness probes of the container."""
    status = {"httpGet": {"path": status_path(document), "port": "rest"}, "timeoutSeconds": 5}
    return {
        "startupProbe": {
            "tcpSocket": {"port": "grpc"},
            "periodSeconds": _STARTUP_PERIOD,
            "failureThreshold": -(-document.start_seconds // _STARTUP_PERIOD),
        },
        "readinessProbe": {**status, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**status, "periodSeconds": 10, "failureThreshold": 6},
    }
