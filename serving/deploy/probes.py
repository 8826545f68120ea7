"""How one sees from outside that a TF Serving is there.

What TF Serving shows, and what not:

- Its ports are closed until every configured model has had one available version. So a port that can be opened says
  that the start is done: the start-up probe.
- The status of a model answers 200 whatever the state of its versions is; so it says that HTTP is served, not that the
  model can be asked. It is the readiness and the liveness probe all the same: a model that loses all its versions
  afterwards is lost in every replica at once, and taking them all away would take its neighbours with it.
- Metrics or a call by a client (``Client.wait_until_ready``) say which versions are available; a probe cannot.
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
