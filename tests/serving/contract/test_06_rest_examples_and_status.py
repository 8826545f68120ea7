"""Contract, sections 6.4 and 6.5: classify, regress, status and metadata by REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.integration


def _post(rest: httpx.Client, verb: str, body: Any) -> httpx.Response:
    return rest.post(
        f"/v1/models/examples:{verb}", content=body if isinstance(body, str) else json.dumps(body)
    )


def _results(rest: httpx.Client, verb: str, body: Any) -> Any:
    answer = _post(rest, verb, body)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["results"]
    return answer.json()["results"]


# 6.4 Classify and regress


def test_6_4_classify(rest: httpx.Client) -> None:
    body = {"signature_name": "classify", "examples": [{"x": 1.0}, {"x": 3.0}]}
    expected = [[["low", 1.0], ["high", 2.0]], [["low", 3.0], ["high", 6.0]]]
    assert _results(rest, "classify", body) == expected


def test_6_4_regress(rest: httpx.Client) -> None:
    assert _results(rest, "regress", {"examples": [{"x": 1.0}, {"x": 3.0}]}) == [2.5, 3.5]


@pytest.mark.parametrize(
    ("example", "label", "score"),
    [
        pytest.param('{"x": [1.5]}', "", 1.5, id="6.4: a list"),
        pytest.param('{"x": 15e-1}', "", 1.5, id="6.4: exponent is float"),
        pytest.param('{"n": 2}', "", 2.0, id="6.4: integer is int64"),
        pytest.param('{"n": true}', "", 1.0, id="6.4: true is int64"),
        pytest.param('{"n": [false]}', "", 0.0, id="6.4: false is int64"),
        pytest.param('{"s": "text"}', "text", 0.0, id="6.4: string is bytes"),
        pytest.param('{"s": {"b64": "dGV4dA=="}}', "text", 0.0, id="6.4: b64 is bytes"),
        pytest.param('{"s": [{"b64": "dGV4dA=="}]}', "text", 0.0, id="6.4: b64 in a list"),
        pytest.param("{}", "", 0.0, id="6.4: no features"),
    ],
)
def test_feature_kinds(rest: httpx.Client, example: str, label: str, score: float) -> None:
    body = f'{{"signature_name": "echo", "examples": [{example}]}}'
    assert _results(rest, "classify", body) == [[[label, score]]]


def test_6_4_context(rest: httpx.Client) -> None:
    body = {"signature_name": "echo", "context": {"s": "shared"}, "examples": [{"x": 1.0}, {"s": "own"}]}
    assert _results(rest, "classify", body) == [[["shared", 1.0]], [["own", 0.0]]]


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="6.4: empty body"),
        pytest.param("[]", id="6.4: non-object"),
        pytest.param({}, id="6.4: no examples"),
        pytest.param({"examples": {}}, id="6.4: examples no list"),
        pytest.param({"examples": []}, id="6.4: no example"),
        pytest.param({"examples": [1.0]}, id="6.4: an example no object"),
        pytest.param({"examples": [{"x": 1.0}, []]}, id="6.4: one example no object"),
        pytest.param({"examples": [{"x": None}]}, id="6.4: null"),
        pytest.param({"examples": [{"x": [[1.0]]}]}, id="6.4: nested list"),
        pytest.param({"examples": [{"x": {"y": 1.0}}]}, id="6.4: another object"),
        pytest.param({"examples": [{"x": [1.0, 2]}]}, id="6.4: mixed kinds"),
        pytest.param({"examples": [{"x": [1.0, "2"]}]}, id="6.4: numbers and strings"),
        pytest.param({"examples": [{"x": 2}]}, id="6.4: an integer for a float feature"),
        pytest.param({"examples": [{"x": 1.0}], "context": 1}, id="6.4: context no object"),
        pytest.param({"examples": [{"x": 1.0}], "signature_name": 1}, id="6.4: signature_name no string"),
        pytest.param({"examples": [{"x": 1.0}], "signature_name": "S"}, id="6.4: signature unknown"),
    ],
)
def test_documents_that_are_refused(rest: httpx.Client, verb: str, body: Any) -> None:
    signature = {"signature_name": verb} if isinstance(body, dict) else {}
    answer = _post(rest, verb, {**signature, **body} if isinstance(body, dict) else body)
    assert answer.status_code == 400 and list(answer.json()) == ["error"]


def test_6_4_an_unknown_signature_is_named(rest: httpx.Client) -> None:
    answer = _post(rest, "regress", {"signature_name": "S", "examples": [{"x": 1.0}]})
    assert answer.json() == {"error": "No signature was found with the name: S"}


def test_6_4_by_version_and_unknown_model(rest: httpx.Client) -> None:
    content = '{"examples": [{"x": 1.0}]}'
    assert rest.post("/v1/models/examples/versions/1:regress", content=content).json() == {"results": [2.5]}
    answer = rest.post("/v1/models/examples/versions/5:regress", content=content)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "Servable not found for request: Specific(examples, 5)"},
    )


# 6.5 Status


def test_6_5_status_of_all_versions(rest: httpx.Client) -> None:
    answer = rest.get("/v1/models/versions")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    ok = {"error_code": "OK", "error_message": ""}
    assert answer.json() == {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": ok} for version in ("3", "2", "1")
        ]
    }


def test_6_5_status_of_one_version(rest: httpx.Client) -> None:
    found = rest.get("/v1/models/versions/versions/2").json()["model_version_status"]
    assert [status["version"] for status in found] == ["2"]


def test_6_5_a_label_in_the_path_is_ignored(rest: httpx.Client) -> None:
    found = rest.get("/v1/models/versions/labels/stable").json()["model_version_status"]
    assert [status["version"] for status in found] == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("nobody", "Could not find any versions of model nobody", id="6.5: unknown model"),
        pytest.param(
            "versions/versions/9", "Could not find version 9 of model versions", id="6.5: unknown version"
        ),
    ],
)
def test_status_not_found(rest: httpx.Client, path: str, text: str) -> None:
    answer = rest.get(f"/v1/models/{path}")
    assert (answer.status_code, answer.json()) == (404, {"error": text})


# 6.5 Metadata


def test_6_5_metadata(rest: httpx.Client) -> None:
    answer = rest.get("/v1/models/arithmetic/metadata")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert set(found) == {"model_spec", "metadata"}
    assert found["model_spec"] == {"name": "arithmetic", "signature_name": "", "version": "1"}
    assert list(found["metadata"]) == ["signature_def"]
    signatures = found["metadata"]["signature_def"]["signature_def"]
    row = {
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    assert signatures["serving_default"] == {
        "inputs": {"left": {**row, "name": "a:0"}, "right": {**row, "name": "b:0"}},
        "outputs": {"total": {**row, "name": "total:0"}, "difference": {**row, "name": "difference:0"}},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }


def test_6_5_metadata_of_shapes_and_defaults(rest: httpx.Client) -> None:
    signatures = rest.get("/v1/models/arithmetic/metadata").json()["metadata"]["signature_def"][
        "signature_def"
    ]
    assert signatures["scalar"]["inputs"]["x"]["tensor_shape"] == {"dim": [], "unknown_rank": False}
    assert signatures["unknown_rank"]["inputs"]["x"]["tensor_shape"] == {"dim": [], "unknown_rank": True}
    assert signatures["matrix"]["inputs"]["x"]["tensor_shape"]["dim"] == [
        {"size": "-1", "name": ""},
        {"size": "2", "name": ""},
    ]
    default = signatures["defaults"]["defaults"]["right"]
    assert default["dtype"] == "DT_FLOAT" and default["float_val"] == [100.0]


@pytest.mark.parametrize(
    ("path", "version"),
    [
        pytest.param("versions", "3", id="6.5: latest"),
        pytest.param("versions/versions/1", "1", id="6.5: by version"),
        pytest.param("versions/labels/canary", "2", id="6.5: by label"),
        pytest.param("zero", "0", id="6.5: version 0"),
    ],
)
def test_metadata_tells_the_version(rest: httpx.Client, path: str, version: str) -> None:
    assert rest.get(f"/v1/models/{path}/metadata").json()["model_spec"]["version"] == version


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        pytest.param(
            "nobody", 404, "Servable not found for request: Latest(nobody)", id="6.5: unknown model"
        ),
        pytest.param(
            "versions/labels/beta", 400, "Unrecognized servable version label: beta", id="6.5: unknown label"
        ),
    ],
)
def test_metadata_refused(rest: httpx.Client, path: str, status: int, text: str) -> None:
    answer = rest.get(f"/v1/models/{path}/metadata")
    assert (answer.status_code, answer.json()) == (status, {"error": text})


def test_6_5_every_signature_is_listed(rest: httpx.Client) -> None:
    found = rest.get("/v1/models/half_plus_two/metadata").json()["metadata"]["signature_def"]["signature_def"]
    assert set(found) == {"serving_default", "__saved_model_init_op"}
    regress = rest.get("/v1/models/examples/metadata").json()["metadata"]["signature_def"]["signature_def"]
    assert regress["regress"]["method_name"] == "tensorflow/serving/regress"
