"""The client against the server's executable: the same assertions over REST and gRPC."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from serving.client import (
    Client,
    Code,
    DeadlineError,
    DType,
    InputError,
    ModelConfig,
    NotFoundError,
    RefusedError,
    Task,
    UnsupportedError,
)

pytestmark = pytest.mark.integration


def by_grpc(client: Client) -> bool:
    return client.address.startswith("grpc")


def version_of(client: Client, version: int) -> int | None:
    """The version in an answer; REST does not report it."""
    return version if by_grpc(client) else None


def test_predict_gives_typed_arrays(client: Client) -> None:
    result = client.predict("half_plus_two", [1.0, 2.0, float("nan")])
    np.testing.assert_array_equal(result.output, np.float32([2.5, 3.0, np.nan]))
    assert result.output.dtype == np.float32
    assert (result.model, result.signature) == ("half_plus_two", "serving_default")
    assert result.version == version_of(client, 1)


EXACT: list[tuple[str, list[Any]]] = [
    ("float32", [0.1, 1 / 3, 16777216.0, 1e-45, 3.4028235e38, -0.0, np.inf, -np.inf, np.nan]),
    ("float64", [0.1, 1 / 3, 2.0**53, 5e-324, 1.7976931348623157e308, np.nan]),
    ("int64", [2**63 - 1, -(2**63), 2**53 + 1]),
    ("uint64", [2**64 - 1, 0]),
    ("int32", [2**31 - 1, -(2**31)]),
    ("uint32", [2**32 - 1, 0]),
    ("int16", [2**15 - 1, -(2**15)]),
    ("int8", [127, -128]),
    ("uint8", [255, 0]),
    ("bool", [True, False]),
]


@pytest.mark.parametrize(("kind", "values"), EXACT, ids=[kind for kind, _ in EXACT])
def test_numbers_come_back_exactly(client: Client, kind: str, values: list[Any]) -> None:
    given = np.array(values, kind)
    back = client.predict("types", {"x": given}, signature=kind)["y"]
    assert back.dtype == given.dtype
    assert back.tobytes() == given.tobytes()


def test_random_float32_come_back_bit_by_bit(client: Client) -> None:
    bits = np.random.default_rng(3).integers(0, 2**32, 20_000, np.uint32).view(np.float32)
    given = bits[np.isfinite(bits)]
    back = client.predict("types", {"x": given}, signature="float32").output
    assert back.tobytes() == given.tobytes()


def test_bytes_come_back(client: Client) -> None:
    given = ["é", b"\xff\x00", b"", 'a\nb"\\']
    expected = [v.encode() if isinstance(v, str) else v for v in given]
    back = client.predict("types", {"x": given}, signature="bytes")["y_bytes"]
    assert back.tolist() == expected
    text = client.predict("types", {"x": ["é", "a"]}, signature="string").output
    assert text.tolist() == ["é".encode(), b"a"]


def test_shapes_come_back(client: Client) -> None:
    for given in (
        np.float32(1.5),
        np.zeros((2, 3, 4), np.float32),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
    ):
        back = client.predict("types", {"x": given}, signature="float32").output
        assert back.shape == given.shape
        np.testing.assert_array_equal(back, given)


def test_several_inputs_and_outputs(client: Client) -> None:
    result = client.predict("arithmetic", [{"left": 1, "right": 2}, {"left": 5, "right": 3}])
    assert {name: array.tolist() for name, array in result.outputs.items()} == {
        "total": [3.0, 8.0],
        "difference": [-1.0, 2.0],
    }
    only = client.predict("arithmetic", {"left": [1], "right": [2]}, outputs=["total"])
    assert set(only.outputs) == {"total"}


def test_an_input_with_a_default_may_be_omitted_over_grpc(client: Client) -> None:
    assert client.metadata("arithmetic").signature("defaults").inputs["right"].optional is by_grpc(client)
    if by_grpc(client):
        assert client.predict("arithmetic", {"left": [1]}, signature="defaults")["total"].tolist() == [101.0]
    else:
        with pytest.raises(InputError, match="a value for every input; seen: none for right"):
            client.predict("arithmetic", {"left": [1]}, signature="defaults")


def test_a_missing_batch_axis_is_added(client: Client) -> None:
    assert client.predict("arithmetic", {"x": [3, 4]}, signature="matrix").output.tolist() == [[11.0]]


def test_raw_features_with_missing_values(client: Client) -> None:
    rows = [
        {"country": "DE", "lessons": 10, "minutes": 100, "tags": ["a", "b"]},
        {"country": None, "lessons": None, "minutes": None, "tags": None},
        {"lessons": 1, "tags": ["c"]},
    ]
    dense = client.predict("retention", rows).output
    np.testing.assert_allclose(dense, [14.0, 0.0, 1.1], rtol=1e-6)
    examples = client.predict_examples("retention", rows).output
    np.testing.assert_array_equal(dense, examples)
    with pytest.raises(InputError, match="row 1; expected a value for 'country'"):
        client.predict("retention", rows[:1] + [{"lessons": 1}], fill_missing=False)


def test_classify_and_regress(client: Client) -> None:
    rows = [{"x": 1.0, "n": 1}, {"x": 0.5}]
    classes = client.classify("examples", rows, signature="classify")
    assert [[(c.label, c.score) for c in r] for r in classes.results] == [
        [("low", 2.0), ("high", 4.0)],
        [("low", 0.5), ("high", 1.0)],
    ]
    assert classes.labels == ("high", "high")
    values = client.regress("examples", rows, context={"n": 3})
    assert values.values.tolist() == [(1.0 + 1) / 2 + 2, (0.5 + 3) / 2 + 2]
    assert values.values.dtype == np.float32
    assert values.version == version_of(client, 1)
    echoed = client.classify("examples", {"s": "é", "x": 0.25}, signature="echo")
    assert echoed.labels == ("é",)
    assert client.predict("examples", [{"x": 2.0}], signature="predict").output.tolist() == [3.0]


def test_versions_and_labels_choose(client: Client) -> None:
    for chosen, value in (
        ({}, 2.0),
        ({"version": 1}, 1.0),
        ({"version": 2}, 2.0),
        ({"label": "stable"}, 1.0),
    ):
        result = client.predict("versions", [0.0], **chosen)
        assert result.output.tolist() == [value]
        assert result.version == (int(value) if by_grpc(client) or "version" in chosen else None)


def test_status_and_metadata(client: Client) -> None:
    status = client.status("versions")
    assert [(v.version, v.state, v.code, v.message) for v in status.versions] == [
        (2, "AVAILABLE", Code.OK, ""),
        (1, "AVAILABLE", Code.OK, ""),
    ]
    assert status.available == (2, 1)
    assert client.status("versions", version=1).available == (1,)
    metadata = client.metadata("retention", label="stable")
    assert metadata.version == 1
    assert metadata.marks_missing
    signature = metadata.signature("")
    assert {n: (i.dtype, i.shape) for n, i in signature.inputs.items()} == {
        "country": (DType.STRING, (-1,)),
        "lessons": (DType.INT64, (-1,)),
        "minutes": (DType.FLOAT, (-1,)),
        "tags": (DType.STRING, (-1, -1)),
    }
    assert signature.method == "tensorflow/serving/predict"


def test_the_servers_errors(client: Client) -> None:
    with pytest.raises(NotFoundError) as caught:
        client.predict("nobody", [1.0])
    assert (caught.value.code, caught.value.message) == (
        Code.NOT_FOUND,
        "Servable not found for request: Latest(nobody)",
    )
    with pytest.raises(NotFoundError, match=r"Specific\(versions, 9\)"):
        client.predict("versions", [1.0], version=9)
    with pytest.raises(RefusedError, match="Unrecognized servable version label: none"):
        client.predict("versions", [1.0], label="none")
    with pytest.raises(NotFoundError, match="Could not find any versions of model nobody"):
        client.status("nobody")
    with pytest.raises(RefusedError, match="'examples'"):
        client.classify("examples", {"x": 2}, signature="regress")


def test_the_deadline_ends_a_slow_call(client: Client) -> None:
    client.metadata("slow")
    with pytest.raises(DeadlineError):
        client.predict(
            "slow",
            np.array([5000], client.metadata("slow").signature("").inputs["x"].dtype.numpy),
            timeout=0.3,
        )


def test_many_threads_share_a_client(client: Client) -> None:
    def ask(number: int) -> list[float]:
        return client.predict("half_plus_two", {"x": [number, number + 1]}).output.tolist()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    assert answers == [[n / 2 + 2, (n + 1) / 2 + 2] for n in range(200)]


def test_large_tensors_pass(client: Client) -> None:
    given = np.arange(2_000_000, dtype=np.float32)
    np.testing.assert_array_equal(client.predict("half_plus_two", given).output, given / 2 + 2)


def test_calls_that_only_grpc_has(client: Client, configured: list[ModelConfig]) -> None:
    tasks = [Task("classify", "classify"), Task("regress", "regress")]
    if not by_grpc(client):
        with pytest.raises(UnsupportedError):
            client.multi_inference("examples", {"x": 1.0}, tasks)
        with pytest.raises(UnsupportedError):
            client.reload_config(configured)
        return
    classes, values = client.multi_inference("examples", {"x": 1.0}, tasks)
    assert classes.labels == ("high",)
    assert (classes.signature, values.signature) == ("classify", "regress")
    assert values.values.tolist() == [2.5]


def test_reload_config_adds_and_removes(grpc_client: Client, configured: list[ModelConfig]) -> None:
    with pytest.raises(NotFoundError):
        grpc_client.predict("added", [1.0])
    grpc_client.reload_config([*configured, ModelConfig("added", configured[0].base_path)])
    assert grpc_client.predict("added", [1.0]).output.tolist() == [2.5]
    with pytest.raises(RefusedError, match="version 9 of model versions, which is not currently available"):
        moved = [
            m
            if m.name != "versions"
            else ModelConfig("versions", m.base_path, all_versions=True, labels={"stable": 9})
            for m in configured
        ]
        grpc_client.reload_config(moved)
    assert grpc_client.predict("versions", [1.0], label="stable").output.tolist() == [1.0]
    grpc_client.reload_config(configured)
    assert not grpc_client.status("added").available


@pytest.mark.usefixtures("clock")
def test_wait_until_ready_knows_versions_and_labels(client: Client) -> None:
    assert client.wait_until_ready("versions") == 2
    assert client.wait_until_ready("versions", version=1) == 1
    assert client.wait_until_ready("versions", label="stable") == 1
    with pytest.raises(DeadlineError, match="Could not find any versions of model nobody"):
        client.wait_until_ready("nobody", timeout=20, every=5)
