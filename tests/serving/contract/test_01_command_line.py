"""Contract, section 1: flags, refusals to start, and their exits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.contract.configs import Model, config_text
from tests.serving.server_process import ServerProcess, answers, run_to_end, until
from tests.side_by_side import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

FAILED = "Failed to start server. Error: "


def test_1_version_prints_two_lines() -> None:
    ended = run_to_end("--version")
    assert ended.returncode == 0
    first, second = ended.stdout.splitlines()
    assert first.startswith("TensorFlow ModelServer: ") and second.startswith("TensorFlow Library: ")


@pytest.mark.parametrize(
    "flag",
    [
        "--port=eighty",
        "--rest_api_port=",
        "--enable_batching=perhaps",
        "--file_system_poll_wait_seconds=1.5",
        "--per_process_gpu_memory_fraction=half",
        "--max_num_load_retries=99999999999",
    ],
    ids="1: {}".format,
)
def test_a_value_that_cannot_be_parsed(flag: str) -> None:
    ended = run_to_end(flag, "--model_base_path=/nowhere")
    assert ended.returncode == 255
    assert "usage: " in (ended.stdout + ended.stderr).lower() and "--port" in ended.stdout + ended.stderr


UNREADABLE = "/no/such/file"


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["--port=0", "--model_base_path=/nowhere"], id="1: no port and no socket"),
        pytest.param(["--port={port}"], id="1: neither base path nor config file"),
        pytest.param(["--model_config_file=/no/such/file"], id="1: unreadable config"),
        pytest.param(
            ["--model_base_path=/nowhere", "--batching_parameters_file=/no/such/file"],
            id="1: batching file without enable_batching",
        ),
        pytest.param(
            ["--model_base_path=/nowhere", "--enable_batching", f"--batching_parameters_file={UNREADABLE}"],
            id="1: unreadable batching file",
        ),
        pytest.param(
            ["--model_base_path=/nowhere", f"--monitoring_config_file={UNREADABLE}"],
            id="1: unreadable monitoring file",
        ),
        pytest.param(
            ["--model_base_path=/nowhere", f"--ssl_config_file={UNREADABLE}"], id="1: unreadable ssl file"
        ),
        pytest.param(
            [
                "--model_base_path=/nowhere",
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            id="1: all three parallelisms",
        ),
        pytest.param(
            ["--model_base_path=/nowhere", "--prefer_tflite_model=true"], id="1: prefer_tflite_model"
        ),
        pytest.param(
            ["--model_base_path=/nowhere", "--use_alts_credentials=true"], id="1: use_alts_credentials"
        ),
        pytest.param(
            ["--model_base_path=/nowhere", "--platform_config_file=/no/such/file"],
            id="1: platform_config_file",
        ),
    ],
)
def test_command_lines_that_do_not_start(flags: list[str]) -> None:
    port = free_port()
    own = [flag.format(port=port) for flag in flags]
    ended = run_to_end(*own if any("--port" in flag for flag in own) else [f"--port={port}", *own])
    assert ended.returncode == 255
    assert FAILED in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        pytest.param("model_config_file", "model_config_list {", id="1: unparsable config"),
        pytest.param("model_config_file", "nothing_known: 1", id="1: unknown field in config"),
        pytest.param("model_config_file", "custom_model_config {}", id="2: custom config"),
        pytest.param(
            "model_config_file",
            config_text([Model("m", "relative")]),
            id="2: relative base path",
        ),
        pytest.param(
            "model_config_file",
            config_text([Model("m", "/nowhere"), Model("m", "/nowhere")]),
            id="2: duplicate names",
        ),
        pytest.param(
            "model_config_file", config_text([Model("m", "/nowhere", platform="")]), id="2: no platform"
        ),
        pytest.param(
            "model_config_file",
            config_text([Model("m", "/nowhere", labels={"stable": 1})]),
            id="3.4: labels at start",
        ),
        pytest.param("batching_parameters_file", "max_batch_size: 8", id="8: value without braces"),
        pytest.param("batching_parameters_file", "unknown { value: 8 }", id="0: unknown batching field"),
        pytest.param("monitoring_config_file", "prometheus_config { enabled: 1 }", id="0: unknown field"),
        pytest.param("ssl_config_file", "server_key: 'no PEM'", id="9.4: no certificate"),
        pytest.param("tensorflow_session_config_file", "unknown: 1", id="0: unknown session field"),
    ],
)
def test_files_that_do_not_start(tmp_path: Path, flag: str, text: str) -> None:
    file = tmp_path / "file.pbtxt"
    file.write_text(text)
    more = [] if flag == "model_config_file" else [f"--model_base_path={tmp_path}"]
    if flag == "batching_parameters_file":
        more.append("--enable_batching")
    ended = run_to_end(f"--port={free_port()}", f"--{flag}={file}", *more)
    assert ended.returncode == 255
    assert FAILED in ended.stdout + ended.stderr


def test_1_a_version_that_fails_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "model" / "1").mkdir(parents=True)
    flags = ("--max_num_load_retries=1", "--load_retry_interval_micros=-1")
    ended = run_to_end(f"--port={free_port()}", f"--model_base_path={tmp_path / 'model'}", *flags)
    assert ended.returncode == 255
    assert "servable(s) did not become available" in ended.stdout + ended.stderr


def test_1_equal_ports_leave_grpc_alone_and_unknown_flags_are_passed_over(
    models: ModelLibrary, tmp_path: Path
) -> None:
    """One start for several rows: the model's name is ``default``, tags select, versions are looked for once."""
    from tests.serving.clients import GrpcClient, refused

    base = tmp_path / "model"
    models.place("tagged", base)
    flags = (
        f"--model_base_path={base}",
        "--no_such_flag=1",
        "--enable_profiler=false",
        "--saved_model_tags=serve,gpu",
        "--file_system_poll_wait_seconds=0",
        f"--grpc_socket_path={tmp_path / 'socket'}",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=3600000,grpc.primary_user_agent=x",
        "--enable_grpc_healthcheck_service",
        "--enable_serialization_as_tensor_content=1",
    )
    process = ServerProcess(tmp_path, *flags, rest=False, fresh=True)
    process.flags.append(f"--rest_api_port={process.port}")
    with process:
        assert "unknown argument: --no_such_flag=1" in process.log
        until(lambda: f"Running gRPC ModelServer at 0.0.0.0:{process.port} ..." in process.log)
        assert "Exporting HTTP/REST API" not in process.log
        client = GrpcClient(process.address)
        output = client.predict("default", {"x": _row()}).outputs["y"]
        assert output.tensor_content == b"\x00\x00\x00\x40" and not output.float_val, "2.0, tags serve,gpu"
        by_socket = GrpcClient(f"unix:{tmp_path / 'socket'}")
        assert by_socket.states("default") == {1: "AVAILABLE"}
        _check_health(client)
        watches = _watch_health(client)
        models.place("half_plus_two", base, 2)
        _never_again(client)
        with refused("NOT_FOUND"):
            client.value("half_plus_two")
        process.process.terminate()
        _ends_serving(watches)
        client.close()
        by_socket.close()


def _row() -> object:
    from tests.serving.clients import floats

    return floats(1.0)


def _check_health(client: object) -> None:
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    from tests.serving.clients import refused

    health = HealthStub(client.channel)
    for service in ("", "ModelService", "PredictionService"):
        answer = health.Check(HealthCheckRequest(service=service), timeout=10)
        assert answer.status == HealthCheckResponse.SERVING, service
    with refused("NOT_FOUND"):
        health.Check(HealthCheckRequest(service="Nothing"), timeout=10)


def _watch_health(client: object) -> dict[str, Any]:
    """Starts to watch a service of each kind, and reads the first answers."""
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import HealthStub

    health = HealthStub(client.channel)
    services = ("", "ModelService", "Nothing")
    watches = {name: health.Watch(HealthCheckRequest(service=name), timeout=120) for name in services}
    first = {
        name: HealthCheckResponse.ServingStatus.Name(next(watch).status) for name, watch in watches.items()
    }
    assert first == {"": "SERVING", "ModelService": "SERVING", "Nothing": "SERVICE_UNKNOWN"}
    return watches


def _ends_serving(watches: dict[str, Any]) -> None:
    from grpc_health.v1.health_pb2 import HealthCheckResponse

    rest = {
        name: [HealthCheckResponse.ServingStatus.Name(answer.status) for answer in watch]
        for name, watch in watches.items()
    }
    assert rest == {"": ["NOT_SERVING"], "ModelService": ["NOT_SERVING"], "Nothing": []}


def _never_again(client: object) -> None:
    """Versions are looked for exactly once: a new one has not appeared after more than a default poll."""
    import time

    time.sleep(1.5)
    assert client.states("default") == {1: "AVAILABLE"}


def test_1_ports_are_closed_until_every_model_is_available_and_sigterm_drains(
    models: ModelLibrary, tmp_path: Path
) -> None:
    """The base path is missing at first: the server waits. Then it serves, and ends while a request runs."""
    import concurrent.futures
    import time

    from tests.serving.clients import GrpcClient, floats, rest_client

    models.place("slow", tmp_path / "one")
    config = tmp_path / "models.config"
    config.write_text(config_text([Model("one", tmp_path / "one"), Model("two", tmp_path / "two")]))
    flags = (f"--model_config_file={config}", "--rest_api_timeout_in_ms=60000")
    with ServerProcess(tmp_path, *flags, ready=False) as process:
        until(lambda: str(tmp_path / "two") in process.log, 60)
        time.sleep(1.2)
        assert not answers(process.port) and not answers(process.rest_port)
        assert process.process.poll() is None, "a missing base path is waited for"
        models.place("constant_2", tmp_path / "two")
        process.wait_ready()
        until(lambda: f"Exporting HTTP/REST API at:localhost:{process.rest_port} ..." in process.log)
        client, rest = GrpcClient(process.address), rest_client(process.url)
        assert client.value("two") == [2.0]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            by_grpc = pool.submit(client.predict, "one", {"x": floats(2000.0)})
            by_rest = pool.submit(rest.post, "/v1/models/one:predict", content='{"instances": [2000.0]}')
            time.sleep(0.5)
            process.process.terminate()
            until(lambda: not answers(process.port) or process.process.poll() is not None)
            assert list(by_grpc.result(20).outputs["y"].float_val) == [2000.0]
            assert by_rest.result(20).json() == {"predictions": [2000.0]}
        assert process.exit_code(15) == 0
        rest.close()
        client.close()
