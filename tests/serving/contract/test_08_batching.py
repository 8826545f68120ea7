"""Contract, section 8: batching across requests, each model with the parameters in its version directory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.clients import floats, predict_request, refused, rest_client, spec, tensor
from tests.serving.contract.configs import Model
from tests.serving.contract.managed import AVAILABLE, END, ManagedServer, managed
from tests.serving.server_process import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

WAIT = "batch_timeout_micros { value: 1000000 } num_batch_threads { value: 2 }"
NO_WAIT = "batch_timeout_micros { value: 0 } num_batch_threads { value: 2 }"
PARAMETERS = {
    "plain": None,
    "four": f"max_batch_size {{ value: 4 }} {WAIT}",
    "quick": f"max_batch_size {{ value: 4 }} {NO_WAIT}",
    "allowed": f"max_batch_size {{ value: 8 }} allowed_batch_sizes: 4 allowed_batch_sizes: 8 {NO_WAIT}",
    "split": (
        "max_batch_size { value: 10 } enable_large_batch_splitting { value: true } "
        f"max_execution_batch_size {{ value: 4 }} {NO_WAIT}"
    ),
    "padded": f"max_batch_size {{ value: 2 }} pad_variable_length_inputs: true {WAIT}",
    "queue": (
        "max_batch_size { value: 1 } max_enqueued_batches { value: 1 } num_batch_threads { value: 1 } "
        "batch_timeout_micros { value: 0 }"
    ),
}


def _publish(server: ManagedServer, name: str, model: str, parameters: str | None) -> Model:
    """The parameters are in the directory before it is renamed to a version."""
    staged = server.library.place(model, server.folder / f"staged_{name}")
    if parameters is not None:
        (staged / "batching_params.pbtxt").write_text(parameters)
    server.base(name).mkdir(exist_ok=True)
    staged.rename(server.base(name) / "1")
    return Model(name, server.base(name))


@pytest.fixture(scope="module")
def server(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    folder = tmp_path_factory.mktemp("batching")
    (folder / "monitoring.config").write_text('prometheus_config { enable: true path: "/own/path" }')
    flags = (
        f"--monitoring_config_file={folder / 'monitoring.config'}",
        "--enable_batching",
        "--enable_per_model_batching_parameters",
        "--max_num_load_retries=0",
        "--rest_api_timeout_in_ms=20000",
    )
    with managed(models, folder, *flags) as found:
        found.reload(
            *(
                _publish(found, name, "slow" if name == "queue" else "batches", text)
                for name, text in PARAMETERS.items()
            )
        )
        yield found


def _together(server: ManagedServer, *requests: Any) -> list[Any]:
    """Sends all before waiting for any answer; a failure takes the answer's place."""
    futures = [server.client.prediction.Predict.future(request, timeout=20) for request in requests]
    return [future.exception() or future.result() for future in futures]


def _sizes(response: Any) -> list[int]:
    return list(response.outputs["size"].int_val)


def _rows(response: Any) -> list[float]:
    return list(response.outputs["y"].float_val)


def test_8_a_version_without_the_file_is_not_batched(server: ManagedServer) -> None:
    answers = _together(server, *(predict_request("plain", {"x": floats(float(n))}) for n in range(8)))
    assert [_sizes(answer) for answer in answers] == [[1]] * 8


def test_8_whole_requests_are_joined_and_answers_taken_apart(server: ManagedServer) -> None:
    answers = _together(
        server,
        predict_request("four", {"x": floats(1.0, 2.0)}),
        predict_request("four", {"x": floats(3.0)}),
        predict_request("four", {"x": floats(4.0)}),
    )
    assert [_rows(answer) for answer in answers] == [[1.0, 2.0], [3.0], [4.0]]
    assert [_sizes(answer) for answer in answers] == [[4, 4], [4], [4]]


def test_8_a_batch_that_is_not_full_runs_at_its_timeout(server: ManagedServer) -> None:
    answers = _together(server, *(predict_request("four", {"x": floats(float(n))}) for n in range(2)))
    assert [_sizes(answer) for answer in answers] == [[2], [2]]


def test_8_requests_of_several_signatures_are_not_joined(server: ManagedServer) -> None:
    other = spec("four", signature="other")
    answers = _together(
        server,
        predict_request("four", {"x": floats(1.0, 2.0)}),
        predict_request(other, {"x": floats(1.0, 2.0, 3.0)}),
    )
    assert [_sizes(answer) for answer in answers] == [[2, 2], [3, 3, 3]]


def test_8_rest_and_grpc_share_batches(server: ManagedServer) -> None:
    import concurrent.futures

    with rest_client(server.process.url) as rest, concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(rest.post, "/v1/models/four:predict", content='{"instances": [1.0, 2.0]}')
        answer = server.client.predict("four", {"x": floats(3.0, 4.0)})
        by_rest = asked.result(20).json()["predictions"]
    assert _sizes(answer) == [4, 4] and [row["size"] for row in by_rest] == [4, 4]


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8], ids="8: {} rows".format)
def test_batches_are_padded_to_the_next_allowed_size(server: ManagedServer, rows: int) -> None:
    answer = server.client.predict("allowed", {"x": floats(*[7.0] * rows)})
    assert _sizes(answer) == [4 if rows <= 4 else 8] * rows
    assert _rows(answer) == [7.0] * rows, "padding is cut off"
    assert set(answer.outputs["least"].float_val) == {7.0}, "padding is copied from real rows"


def test_8_more_rows_than_max_batch_size(server: ManagedServer) -> None:
    with refused("INVALID_ARGUMENT"):
        server.client.predict("quick", {"x": floats(*range(5))})
    with rest_client(server.process.url) as rest:
        answer = rest.post("/v1/models/quick:predict", content='{"instances": [1, 2, 3, 4, 5]}')
    assert answer.status_code == 400 and list(answer.json()) == ["error"]


def test_8_large_batches_are_split(server: ManagedServer) -> None:
    answer = server.client.predict("split", {"x": floats(*range(10))})
    assert _rows(answer) == [float(n) for n in range(10)]
    assert max(_sizes(answer)) <= 4


@pytest.mark.parametrize(
    ("target", "inputs", "code", "text"),
    [
        pytest.param(
            {},
            {"x": 1.0},
            "INVALID_ARGUMENT",
            "Batching Run() input tensors must have at least one dimension",
            id="8: scalar input",
        ),
        pytest.param(
            {"signature": "pair"},
            {"a": [1.0], "b": [1.0, 2.0]},
            "INVALID_ARGUMENT",
            "",
            id="8: first axes differ",
        ),
        pytest.param(
            {"signature": "no_batch_axis"},
            {"x": [1.0]},
            "FAILED_PRECONDITION",
            "",
            id="8: output without batch axis",
        ),
    ],
)
def test_tensors_that_cannot_be_batched(
    server: ManagedServer, target: dict[str, str], inputs: dict[str, Any], code: str, text: str
) -> None:
    sent = {name: tensor(value, "float32") for name, value in inputs.items()}
    with refused(code, text):
        server.client.predict(spec("quick", **target), sent)


def test_8_different_inner_shapes_fail_together(server: ManagedServer) -> None:
    import grpc

    answers = _together(
        server,
        predict_request("four", {"x": tensor([[1.0], [1.0]], "float32")}),
        predict_request("four", {"x": tensor([[1.0, 2.0], [1.0, 2.0]], "float32")}),
    )
    assert [answer.code() for answer in answers] == [grpc.StatusCode.FAILED_PRECONDITION] * 2


def test_8_different_inner_shapes_are_padded_when_asked(server: ManagedServer) -> None:
    answers = _together(
        server,
        predict_request("padded", {"x": tensor([[1.0]], "float32")}),
        predict_request("padded", {"x": tensor([[1.0, 2.0, 3.0]], "float32")}),
    )
    assert [_sizes(answer) for answer in answers] == [[2], [2]]
    assert _rows(answers[0])[0] == 1.0 and _rows(answers[1]) == [1.0, 2.0, 3.0]


def test_8_a_full_queue_is_unavailable(server: ManagedServer) -> None:
    import grpc

    answers = _together(server, *(predict_request("queue", {"x": floats(400.0)}) for _ in range(12)))
    codes = [answer.code() if isinstance(answer, grpc.RpcError) else None for answer in answers]
    assert set(codes) == {None, grpc.StatusCode.UNAVAILABLE}
    assert server.client.value("queue", [1.0]) == [1.0], "the queue is empty again"


def test_8_a_full_queue_is_503_by_rest(server: ManagedServer) -> None:
    import concurrent.futures

    with rest_client(server.process.url) as rest, concurrent.futures.ThreadPoolExecutor(12) as pool:
        asked = [
            pool.submit(rest.post, "/v1/models/queue:predict", content='{"instances": [400.0]}')
            for _ in range(12)
        ]
        assert {answer.result(20).status_code for answer in asked} == {200, 503}


def test_8_an_output_filter_runs_unbatched(server: ManagedServer) -> None:
    answers = _together(
        server, *(predict_request("four", {"x": floats(float(n))}, ["size"]) for n in range(4))
    )
    assert [_sizes(answer) for answer in answers] == [[1]] * 4


def test_9_3_batches_are_counted_at_a_path_of_ones_own(server: ManagedServer) -> None:
    server.client.predict("quick", {"x": floats(1.0)})
    with rest_client(server.process.url) as rest:
        assert rest.get("/monitoring/prometheus/metrics").status_code == 404
        text = rest.get("/own/path").text
    for family in ("queuing_latency_count", "wrapped_run_count"):
        assert re.search(rf"^:tensorflow:serving:batching_session:{family}\S* [1-9]", text, re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "max_batch_size { value: 8 } allowed_batch_sizes: 4", id="8: last is not max_batch_size"
        ),
        pytest.param(
            "max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 4", id="8: not ascending"
        ),
        pytest.param(
            "max_batch_size { value: 8 } allowed_batch_sizes: 8 "
            "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 4 }",
            id="8: splitting, last is not max_execution_batch_size",
        ),
        pytest.param("unknown { value: 1 }", id="0: unknown field"),
    ],
)
def test_parameters_that_fail_the_load(
    server: ManagedServer, text: str, request: pytest.FixtureRequest
) -> None:
    name = f"wrong_{request.node.callspec.indices['text']}"
    with refused("UNKNOWN", "1 model(s) did not become available: "):
        server.reload(_publish(server, name, "batches", text))
    until(lambda: server.client.states(name) == {1: END})
    assert server.client.statuses(name)[0].status.error_code == 3, "INVALID_ARGUMENT"
    server.reload()


def test_8_a_version_that_leaves_answers_what_waits_in_its_batch(server: ManagedServer) -> None:
    leaving = _publish(server, "leaving", "batches", PARAMETERS["four"])
    server.reload(leaving)
    future = server.client.prediction.Predict.future(
        predict_request("leaving", {"x": floats(5.0)}), timeout=20
    )
    server.forget("leaving")
    assert _rows(future.result()) == [5.0]
    assert server.client.states("quick") == {1: AVAILABLE}
