"""Contract, sections 2 and 3.5: what ReloadConfig takes and refuses, in which order, and the config file."""

from __future__ import annotations

import concurrent.futures
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import GrpcClient, floats, predict_request, refused, spec
from tests.serving.contract.configs import Model, config_text
from tests.serving.contract.managed import AVAILABLE, END, ManagedServer
from tests.serving.models import write_warmup
from tests.serving.server_process import ServerProcess, until

if TYPE_CHECKING:
    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration


@pytest.fixture
def server(managed_server: ManagedServer) -> ManagedServer:
    return managed_server


# 2, 3.5.1 and 3.5.2 Validation


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"base": "relative/path"}, id="2: relative base_path"),
        pytest.param({"base": ""}, id="2: no base_path"),
        pytest.param({"platform": ""}, id="2: neither platform nor type"),
        pytest.param({"platform": 'model_platform: "caffe"'}, id="2: another platform"),
        pytest.param(
            {"platform": 'model_platform: "tensorflow" model_type: TENSORFLOW'}, id="2: platform and type"
        ),
    ],
)
def test_a_config_that_is_refused(server: ManagedServer, changes: dict[str, str]) -> None:
    good = Model("added", server.base("resident"))
    with refused("INVALID_ARGUMENT"):
        server.reload(
            good, replace(Model("wrong", server.base("resident")), **changes), without=("resident",)
        )
    assert server.client.value("resident") == [2.5]
    with refused("NOT_FOUND", "Could not find any versions of model added"):
        server.client.statuses("added")


def test_2_names_are_unique(server: ManagedServer) -> None:
    twice = config_text([*server.models.values(), *server.models.values()])
    with refused("INVALID_ARGUMENT"):
        server.client.reload(twice)
    assert server.client.value("resident") == [2.5]


def test_2_the_deprecated_model_type_is_taken(server: ManagedServer) -> None:
    server.publish("typed", 1, "constant_1")
    server.reload(Model("typed", server.base("typed"), platform="model_type: TENSORFLOW"))
    assert server.client.value("typed") == [1.0]
    server.forget("typed")


@pytest.mark.parametrize(
    "config",
    [
        pytest.param("", id="3.5: empty config"),
        pytest.param("custom_model_config {}", id="3.5: custom config"),
    ],
)
def test_what_the_rpc_does_not_take(server: ManagedServer, config: str) -> None:
    with refused("INVALID_ARGUMENT"):
        server.client.reload(config)
    assert server.client.value("resident") == [2.5]


# 3.5.4 to 3.5.7


def test_3_5_the_new_list_is_the_whole_truth(server: ManagedServer) -> None:
    with server.model("first", {1: "constant_1"}):
        server.publish("second", 1, "constant_2")
        server.reload(Model("second", server.base("second")), without=("first",))
        assert server.client.value("second") == [2.0], "the answer waits for new models"
        server.wait_states("first", {1: END})
        with refused("NOT_FOUND", "Servable not found for request: Latest(first)"):
            server.client.value("first")
        server.forget("second")


def test_3_5_the_response_is_ok_and_the_same_config_again_too(server: ManagedServer) -> None:
    response = server.reload()
    assert response.status.error_code == 0 and not response.metric
    assert server.client.states("resident") == {1: AVAILABLE}
    assert server.client.value("resident") == [2.5]


def test_3_5_metrics_come_back_with_their_increase(server: ManagedServer) -> None:
    names = ["/tensorflow/serving/request_count", "/no/such/metric"]
    response = server.client.reload(config_text(server.models.values()), metrics=names)
    assert [(entry.name, entry.int64_value_increase) for entry in response.metric] == [
        (name, 0) for name in names
    ]


def test_3_5_a_loaded_number_is_not_reloaded_when_the_base_path_changes(server: ManagedServer) -> None:
    with server.model("moved", {1: "constant_1"}):
        server.publish("elsewhere", 1, "constant_9")
        server.change("moved", base=server.base("elsewhere"))
        server.publish("elsewhere", 2, "constant_2")
        server.wait_value("moved", 2.0)
        server.change("moved", policy="all {}")
        server.wait_states("moved", {1: AVAILABLE, 2: AVAILABLE})


def test_3_5_a_new_model_that_cannot_be_loaded(server: ManagedServer) -> None:
    broken = server.base("broken") / "1"
    broken.mkdir(parents=True)
    server.publish("beside", 1, "constant_1")
    wanted = {
        **server.models,
        "broken": Model("broken", server.base("broken")),
        "beside": Model("beside", server.base("beside")),
    }
    with refused("UNKNOWN", "1 model(s) did not become available: "):
        server.client.reload(config_text(wanted.values()))
    server.models = wanted
    until(lambda: server.client.states("broken") == {1: END})
    assert server.client.value("beside") == [1.0], "the config stays applied"
    assert server.client.value("resident") == [2.5], "other models are untouched"
    server.forget("broken", "beside")


def test_3_5_a_new_model_without_a_version_is_waited_for(server: ManagedServer) -> None:
    missing = Model("missing", server.base("missing"))
    other = GrpcClient(server.process.address)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.reload, config_text([*server.models.values(), missing]), 40)
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(1.5)
        server.publish("missing", 1, "constant_3")
        assert waiting.result(30).status.error_code == 0
    assert server.client.value("missing") == [3.0]
    server.reload()
    other.close()


def test_3_5_a_reload_that_waits_does_not_block_the_next_one(server: ManagedServer) -> None:
    never = Model("never", server.base("never"))
    other = GrpcClient(server.process.address)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.reload, config_text([*server.models.values(), never]), 8)
        with pytest.raises(concurrent.futures.TimeoutError):
            waiting.result(0.5)
        server.publish("overtaking", 1, "constant_4")
        server.reload(Model("overtaking", server.base("overtaking")), seconds=6)
        assert server.client.value("overtaking") == [4.0]
        waiting.exception(10)
    server.forget("overtaking")
    other.close()


def test_3_5_reloads_at_the_same_time_all_end(server: ManagedServer) -> None:
    for number in range(1, 4):
        server.publish(f"racer_{number}", 1, f"constant_{number}")
    clients = [GrpcClient(server.process.address) for _ in range(6)]
    racers = [Model(f"racer_{number}", server.base(f"racer_{number}")) for number in range(1, 4)]
    configs = [config_text([*server.models.values(), *racers[:number]]) for number in (1, 2, 3, 0, 2, 1)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for response in pool.map(lambda pair: pair[0].reload(pair[1]), zip(clients, configs, strict=True)):
            assert response.status.error_code == 0
    server.reload(racers[2])
    assert server.client.value("racer_3") == [3.0] and server.client.value("resident") == [2.5]
    server.forget("racer_3")
    for client in clients:
        client.close()


def test_3_5_unloaded_and_added_again_reads_fresh_content(server: ManagedServer) -> None:
    import shutil

    with server.model("content", {1: "constant_1"}):
        assert server.client.value("content") == [1.0]
    server.wait_states("content", {1: END})
    shutil.rmtree(server.base("content") / "1")
    with server.model("content", {1: "constant_8"}):
        assert server.client.value("content") == [8.0]


# The config file


def test_3_5_7_the_config_file_is_read_again(
    models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("config_file")
    models.place("constant_1", folder / "one")
    first = Model("one", folder / "one")
    config = folder / "models.config"

    def write(text: str) -> str:
        config.with_suffix(".new").write_text(text)
        config.with_suffix(".new").rename(config)
        return text

    write(config_text([first]))
    flags = (
        f"--model_config_file={config}",
        "--model_config_file_poll_wait_seconds=1",
        "--num_request_iterations_for_warmup=3",
    )
    with ServerProcess(folder, *flags, rest=False) as process:
        client = GrpcClient(process.address)
        write("no config at all {")
        until(lambda: process.log.count("failed") or process.log.count("rror"))
        assert client.value("one") == [1.0]
        write(config_text([replace(first, labels={"stable": 3})]))
        until(lambda: "which is not currently available for inference" in process.log)
        assert client.value("one") == [1.0] and process.process.poll() is None
        warmed = models.place("counter", folder / "staged")
        write_warmup(warmed, [_predict_log()])
        (folder / "two").mkdir()
        warmed.rename(folder / "two" / "1")
        last = write(config_text([first, Model("two", folder / "two")]))
        until(lambda: client.states("one") and "two" in process.log)
        until(lambda: _available(client, "two"))
        assert client.value("one") == [1.0]
        look = spec("two", signature="look")
        assert client.value(look) == [3.0], "1: each warmup record is replayed three times"
        assert config.read_text() == last, "the server never writes to it"
        client.close()


def _predict_log() -> bytes:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    log = PredictionLog()
    log.predict_log.request.CopyFrom(predict_request("any", {"x": floats(1.0)}))
    return log.SerializeToString()


def _available(client: GrpcClient, name: str) -> bool:
    import grpc

    try:
        return AVAILABLE in client.states(name).values()
    except grpc.RpcError:
        return False
