"""TLS on the router's REST port and towards a backend: one router stands behind the other."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from serving.router.backends import Tls
from serving.router.options import RouterOptions
from tests.serving.certificates import certificates
from tests.serving.router.running import RestBackend, RunningRouter


def test_tls_from_clients_and_to_backends(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    certificates(keys)
    path = {name: str(keys / name) for name in ("ca.crt", "tls.crt", "tls.key", "client.crt", "client.key")}
    options = RouterOptions(
        port=None,
        rest_port=0,
        drain_seconds=1.0,
        certificate=path["tls.crt"],
        key=path["tls.key"],
        client_ca=path["ca.crt"],
    )
    own = (path["ca.crt"], path["client.crt"], path["client.key"])
    with (
        RestBackend() as backend,
        RunningRouter({"main": {"rest": backend.address}}, options=options) as secure,
    ):
        address = f"127.0.0.1:{secure.rest_port}"
        trusted = {"rest": address, "tls": Tls(*own, "models.example", rest=True)}
        with RunningRouter({"main": trusted}) as router:
            assert httpx.get(f"{router.url}/v1/models/m").json() == {"path": "/v1/models/m"}
        stranger = {"rest": address, "tls": Tls(*own, "other.example", rest=True)}
        with RunningRouter({"main": stranger}) as router:
            found = httpx.get(f"{router.url}/v1/models/m")
            assert found.status_code == 503
            assert "TLS failed" in found.json()["error"]
            assert "other.example" in found.json()["error"]
        context = ssl.create_default_context(cafile=path["ca.crt"])
        context.load_cert_chain(path["client.crt"], path["client.key"])
        with httpx.Client(verify=context) as client:
            name = {"sni_hostname": "models.example"}
            assert client.get(f"https://{address}/v1/models/m", extensions=name).status_code == 200
    assert len(backend.got) == 2
