"""Which paths are accepted, and how others are refused."""

from __future__ import annotations

import pytest

from serving.server.engine.signature import ModelSpec
from serving.server.rest.paths import Route, is_api, route
from serving.server.status import Code, ServingError


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", "/v1/models/m:predict", Route("predict", ModelSpec("m"))),
        ("POST", "/v1/models/m/versions/3:predict", Route("predict", ModelSpec("m", 3))),
        ("POST", "/v1/models/m/versions/0:classify", Route("classify", ModelSpec("m", 0))),
        ("POST", "/v1/models/m/labels/stable:regress", Route("regress", ModelSpec("m", None, "stable"))),
        ("POST", "/V1/MODELS/m/VERSIONS/3:predict", Route("predict", ModelSpec("m", 3))),
        ("POST", "/v1/models/a%20b%2Fc:predict", Route("predict", ModelSpec("a b/c"))),
        ("GET", "/v1/models/m", Route("status", ModelSpec("m"))),
        ("GET", "/v1/models/m/versions/3", Route("status", ModelSpec("m", 3))),
        ("GET", "/v1/models/m/labels/x", Route("status", ModelSpec("m", None, "x"))),
        ("GET", "/v1/models/m/metadata", Route("metadata", ModelSpec("m"))),
        ("GET", "/v1/models/m/versions/3/metadata", Route("metadata", ModelSpec("m", 3))),
        ("GET", "/v1/models/m?x=1", Route("status", ModelSpec("m?x=1"))),
    ],
)
def test_understood(method: str, target: str, expected: Route) -> None:
    assert route(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m/versions/x:predict"),
        ("POST", "/v1/models/m/versions/1/labels/l:predict"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/m:multi"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/other"),
        ("PUT", "/v1/models/m:predict"),
        ("DELETE", "/v1/models/m"),
        ("OPTIONS", "/v1/models/m:predict"),
    ],
)
def test_malformed(method: str, target: str) -> None:
    with pytest.raises(ServingError) as caught:
        route(method, target)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"Malformed request: {method} {target}"


@pytest.mark.parametrize("digits", ["9223372036854775808", "1" * 30, "9" * 10_000])
def test_a_version_beyond_int64(digits: str) -> None:
    with pytest.raises(
        ServingError, match=f"^INVALID_ARGUMENT: Failed to convert version: {digits} to numeric.$"
    ):
        route("POST", f"/v1/models/m/versions/{digits}:predict")


def test_the_largest_version() -> None:
    assert route("GET", "/v1/models/m/versions/9223372036854775807").spec.version == 2**63 - 1


def test_models_are_not_listed() -> None:
    with pytest.raises(ServingError, match=r"Missing model name in request\."):
        route("GET", "/v1/models")


def test_bytes_that_are_not_utf8_name_no_model() -> None:
    assert route("GET", "/v1/models/%FF").spec.name == "�"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/x", True),
        ("/V1/", True),
        ("/v1", False),
        ("/", False),
        ("/v2/models/m", False),
    ],
)
def test_what_is_the_api(target: str, expected: bool) -> None:
    assert is_api(target) is expected
