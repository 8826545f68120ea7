"""Contract, section 7: requests run in parallel. The rest of it is tested where versions are switched."""

from __future__ import annotations

import concurrent.futures
import time
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import floats, predict_request, spec

if TYPE_CHECKING:
    import httpx

    from tests.serving.clients import GrpcClient

pytestmark = pytest.mark.integration


def test_7_requests_run_in_parallel(client: GrpcClient, rest: httpx.Client) -> None:
    """Six requests that pause for a second each take far less than six seconds, over either protocol."""
    began = time.monotonic()
    request = predict_request("slow", {"x": floats(1000.0)})
    futures = [client.prediction.Predict.future(request, timeout=20) for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [
            pool.submit(rest.post, "/v1/models/slow:predict", content='{"instances": [1000.0]}')
            for _ in range(3)
        ]
        assert client.value("half_plus_two") == [2.5], "a quick one overtakes them"
        assert not all(one.done() for one in (*futures, *asked))
        assert [future.result().outputs["y"].float_val[0] for future in futures] == [1000.0] * 3
        assert [answer.result(20).json() for answer in asked] == [{"predictions": [1000.0]}] * 3
    assert time.monotonic() - began < 6.0, "they paused at the same time"


def test_7_answers_belong_to_their_requests(client: GrpcClient) -> None:
    """Many at once to three versions: each gets its own version's answer."""
    versions = [1, 2, 3] * 60
    futures = [
        client.prediction.Predict.future(
            predict_request(spec("versions", version=version), {"x": floats(*range(version))}), timeout=20
        )
        for version in versions
    ]
    for version, future in zip(versions, futures, strict=True):
        answer = future.result()
        assert answer.model_spec.version.value == version
        assert list(answer.outputs["y"].float_val) == [float(version)] * version


def test_7_state_is_kept_by_one_session_per_version(client: GrpcClient) -> None:
    before = client.value(spec("counter", signature="look"), [0.0])[0]
    request = predict_request("counter", {"x": floats(1.0)})
    futures = [client.prediction.Predict.future(request, timeout=20) for _ in range(50)]
    counts = [future.result().outputs["y"].float_val[0] for future in futures]
    assert client.value(spec("counter", signature="look"), [0.0]) == [before + 50]
    assert max(counts) == before + 50
