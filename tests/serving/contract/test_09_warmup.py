"""Contract, sections 9.1 and 9.2: warmup requests, and the request log that records them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import example, fill_examples, floats, predict_request, refused, rest_client, spec
from tests.serving.contract.configs import Model
from tests.serving.contract.managed import AVAILABLE, END, ManagedServer
from tests.serving.graphs import CLASSIFY, REGRESS
from tests.serving.models import WARMUP, write_warmup
from tests.serving.server_process import OTHER_BINARY, until

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.integration

INVALID_ARGUMENT, UNIMPLEMENTED, DATA_LOSS = 3, 12, 15


@pytest.fixture
def server(managed_server: ManagedServer) -> ManagedServer:
    return managed_server


def _predict_log(x: float, target: str = "another name") -> bytes:
    """The sum of all ``x`` in a warmup file, which the model ``counter`` has afterwards."""
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    log = PredictionLog()
    log.predict_log.request.CopyFrom(predict_request(spec(target, version=77), {"x": floats(x)}))
    return log.SerializeToString()


def _staged(server: ManagedServer, name: str, model: str) -> Path:
    return server.library.place(model, server.folder / f"staged_{name}")


def _publish(server: ManagedServer, name: str, staged: Path) -> Model:
    server.base(name).mkdir()
    staged.rename(server.base(name) / "1")
    return Model(name, server.base(name))


def _added(server: ManagedServer, name: str, logs: list[bytes], model: str = "counter") -> None:
    staged = _staged(server, name, model)
    write_warmup(staged, logs)
    server.reload(_publish(server, name, staged))


def _failed(server: ManagedServer, name: str, staged: Path) -> int:
    """The error code of a version whose warmup fails."""
    with refused("UNKNOWN", "1 model(s) did not become available: "):
        server.reload(_publish(server, name, staged))
    until(lambda: server.client.states(name) == {1: END})
    code = int(server.client.statuses(name)[0].status.error_code)
    server.reload()
    return code


def test_9_1_requests_are_replayed_before_the_version_is_available(server: ManagedServer) -> None:
    _added(server, "warm", [_predict_log(1.0), _predict_log(2.5)])
    assert server.client.value(spec("warm", signature="look"), [0.0]) == [3.5]


def test_9_1_empty_logs_are_skipped(server: ManagedServer) -> None:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    _added(server, "skipping", [PredictionLog().SerializeToString(), _predict_log(1.0)])
    assert server.client.value(spec("skipping", signature="look"), [0.0]) == [1.0]


def test_9_1_an_empty_file_is_fine(server: ManagedServer) -> None:
    _added(server, "empty", [])
    assert server.client.value(spec("empty", signature="look"), [0.0]) == [0.0]


def test_9_1_a_thousand_records_are_replayed(server: ManagedServer) -> None:
    _added(server, "thousand", [_predict_log(1.0)] * 1000)
    assert server.client.value(spec("thousand", signature="look"), [0.0]) == [1000.0]


def test_9_1_more_than_a_thousand_fail(server: ManagedServer) -> None:
    staged = _staged(server, "too_many", "counter")
    write_warmup(staged, [_predict_log(1.0)] * 1001)
    assert _failed(server, "too_many", staged) != 0


def _example_logs() -> dict[str, bytes]:
    from tensorflow_serving.apis.inference_pb2 import InferenceTask
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    logs = {kind: PredictionLog() for kind in ("classify", "regress", "multi")}
    request = logs["classify"].classify_log.request
    fill_examples(request, [example(x=1.0)]).model_spec.CopyFrom(spec("any", signature="classify"))
    request = logs["regress"].regress_log.request
    fill_examples(request, [example(x=1.0)]).model_spec.CopyFrom(spec("any", signature="regress"))
    request = logs["multi"].multi_inference_log.request
    fill_examples(request, [example(x=1.0)])
    for signature, method in (("regress", REGRESS), ("classify", CLASSIFY)):
        request.tasks.append(InferenceTask(model_spec=spec("any", signature=signature), method_name=method))
    return {kind: log.SerializeToString() for kind, log in logs.items()}


def test_9_1_classify_regress_and_multi_inference_are_replayed(server: ManagedServer) -> None:
    _added(server, "kinds", list(_example_logs().values()), "examples")
    assert server.client.states("kinds") == {1: AVAILABLE}


def _wrong_logs(kind: str) -> list[bytes]:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    log = PredictionLog()
    if kind == "session_run_log":
        log.session_run_log.request.model_spec.name = "any"
    elif kind == "predict_streamed_log":
        log.predict_streamed_log.SetInParent()
    elif kind == "a failing request":
        log.predict_log.request.CopyFrom(predict_request("any", {"misnamed": floats(1.0)}))
    else:
        assert kind == "an unparsable record", kind
        return [b"\xff\xff no message"]
    return [_predict_log(1.0), log.SerializeToString()]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("session_run_log", UNIMPLEMENTED, id="9.1: session_run_log"),
        pytest.param("predict_streamed_log", UNIMPLEMENTED, id="9.1: predict_streamed_log"),
        pytest.param("a failing request", INVALID_ARGUMENT, id="9.1: a failing request"),
        pytest.param("an unparsable record", None, id="9.1: an unparsable record"),
    ],
)
def test_logs_that_fail_the_load(server: ManagedServer, kind: str, code: int | None) -> None:
    name = kind.replace(" ", "_")
    staged = _staged(server, name, "counter")
    write_warmup(staged, _wrong_logs(kind))
    found = _failed(server, name, staged)
    assert found == code if code is not None else found != 0


def test_9_1_broken_framing_is_data_loss(server: ManagedServer) -> None:
    staged = _staged(server, "framing", "counter")
    file = write_warmup(staged, [_predict_log(1.0)])
    file.write_bytes(file.read_bytes()[:-6])
    assert _failed(server, "framing", staged) == DATA_LOSS


def test_9_1_an_old_version_serves_beside_one_whose_warmup_fails(server: ManagedServer) -> None:
    with server.model("kept", {1: "constant_1"}):
        staged = _staged(server, "kept", "constant_2")
        write_warmup(staged, _wrong_logs("a failing request"))
        staged.rename(server.base("kept") / "2")
        until(lambda: server.client.states("kept") == {1: AVAILABLE, 2: END})
        assert server.client.value("kept") == [1.0]


# 9.2 The request log, an extension


@pytest.mark.skipif(bool(OTHER_BINARY), reason="tensorflow_model_server has no request logger")
def test_9_2_logged_requests_are_a_warmup_file(server: ManagedServer, tmp_path: Path) -> None:
    """Every request over both protocols is logged; the file then warms up another version."""
    prefix = tmp_path / "log" / "counter"
    logging = (
        f'logging_config {{ log_collector_config {{ type: "tfrecord" filename_prefix: "{prefix}" }} '
        "sampling_config { sampling_rate: 1.0 } }"
    )
    server.publish("logged", 1, "counter")
    server.reload(Model("logged", server.base("logged"), more=logging))
    server.client.value("logged", [1.0])
    with rest_client(server.process.url) as rest:
        assert rest.post("/v1/models/logged:predict", content='{"instances": [2.0]}').status_code == 200
    server.forget("logged")  # the file is published when its model is removed
    files = until(lambda: [f for f in prefix.parent.glob("counter*") if f.stat().st_size], 20)
    logs = [log for file in files for log in _records(file)]
    until(lambda: not [f for f in prefix.parent.iterdir() if f.name.startswith(".")])
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    parsed = [PredictionLog.FromString(log) for log in logs]
    assert [p.predict_log.request.inputs["x"].float_val[0] for p in parsed] == [1.0, 2.0]
    for log in parsed:
        assert log.log_metadata.model_spec.name == "logged" and log.log_metadata.timestamp_secs > 0
        assert log.log_metadata.model_spec.version.value == 1
        assert log.log_metadata.sampling_config.sampling_rate == 1.0
    staged = _staged(server, "replayed", "counter")
    (staged / WARMUP).parent.mkdir()
    (staged / WARMUP).write_bytes(files[0].read_bytes())
    server.reload(_publish(server, "replayed", staged))
    assert server.client.value(spec("replayed", signature="look"), [0.0]) == [3.0]


def _records(file: Path) -> list[bytes]:
    """The records of a TFRecord file, by its framing alone."""
    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(data[12 : 12 + length])
        data = data[12 + length + 4 :]
    return found


@pytest.mark.skipif(bool(OTHER_BINARY), reason="tensorflow_model_server has no request logger")
def test_9_2_the_log_is_off_by_default_and_a_wrong_one_is_refused(
    server: ManagedServer, tmp_path: Path
) -> None:
    rate = "logging_config {{ log_collector_config {{ {} }} sampling_config {{ sampling_rate: {} }} }}"
    for collector, sampling in (
        (f'type: "tfrecord" filename_prefix: "{tmp_path}/x"', "1.5"),
        ('type: "tfrecord"', "1.0"),
    ):
        wrong = Model("resident", server.base("resident"), more=rate.format(collector, sampling))
        with refused("INVALID_ARGUMENT"):
            server.reload(wrong)
    assert not list(tmp_path.iterdir())
    server.reload()
