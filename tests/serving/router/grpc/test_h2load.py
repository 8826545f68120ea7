"""h2load, a client of nghttp2's, gets every answer through the router, over both APIs."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from serving.experiments.contract import Target
from tests.serving.router.grpc.backend import PREDICT, GrpcBackend, predict
from tests.serving.router.running import RestBackend, RunningRouter, experiment

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (Debian's nghttp2-client)"),
]


def _load(*arguments: str) -> None:
    done = subprocess.run(["h2load", *arguments], capture_output=True, text=True, timeout=120, check=True)
    assert re.search(r"2000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout


def test_every_call_is_answered(tmp_path: Path) -> None:
    message = predict(size=500)
    (tmp_path / "grpc").write_bytes(struct.pack(">BI", 0, len(message)) + message)
    (tmp_path / "rest").write_bytes(b"{}")
    route = experiment(Target("m", 2))
    with GrpcBackend() as grpc, RestBackend() as rest:
        backends = {"main": {"grpc": grpc.address, "rest": rest.address}}
        with RunningRouter(backends, {"m": route}) as router:
            heads = ("-H", "content-type: application/grpc", "-H", "te: trailers")
            _load(
                *("-n2000", "-c4", "-m16", "-p", "h2c", "-d", str(tmp_path / "grpc"), *heads),
                f"http://{router.address}{PREDICT}",
            )
            _load("-n2000", "-c8", "--h1", "-d", str(tmp_path / "rest"), f"{router.url}/v1/models/m:predict")
    assert [outcome.code for _, outcome in route.outcomes] == [0] * 4000
    assert {got.spec.version.value for got in grpc.got} == {2}
