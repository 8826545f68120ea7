"""The command line: values, unknown and refused flags; none of it loads TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.config import flags
from serving.server.config.options import Options
from serving.server.status import ServingError

BOOLEANS = [f.name for f in fields(Options) if "level" in f.metadata and f.type == "bool"]
NAMES = [f.name for f in fields(Options) if "level" in f.metadata]
NARROW = [
    f.name for f in fields(Options) if "level" in f.metadata and f.type == "int" and not f.metadata["wide"]
]
# Contract, section 1: the defaults that people rely on.
DEFAULTS = {
    "port": 8500,
    "rest_api_port": 0,
    "rest_api_timeout_in_ms": 30000,
    "model_name": "default",
    "model_config_file_poll_wait_seconds": 0,
    "file_system_poll_wait_seconds": 1,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60000000,
    "enable_model_warmup": True,
    "saved_model_tags": "serve",
    "per_process_gpu_memory_fraction": 0.0,
}


def parse(*arguments: str) -> Options:
    options, unknown = flags.parse(arguments)
    assert unknown == []
    return options


def checked(*arguments: str) -> Options:
    return flags.check(parse(*arguments))


def test_defaults() -> None:
    options = parse()
    assert {name: getattr(options, name) for name in DEFAULTS} == DEFAULTS


def test_values_and_the_last_one_wins() -> None:
    options = parse(
        "--port=1", "--model_name=a=b", "--port=2", "--enable_batching", "--load_retry_interval_micros=-1"
    )
    assert (options.port, options.model_name, options.enable_batching) == (2, "a=b", True)
    assert options.load_retry_interval_micros == -1


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False), ("True", True)]
)
def test_booleans(text: str, value: bool) -> None:
    assert parse(f"--enable_model_warmup={text}").enable_model_warmup is value


@pytest.mark.parametrize(
    "argument",
    [
        "--port=",
        "--port=x",
        "--port=1.5",
        "--port=0x10",
        "--port=2147483648",
        "--enable_batching=yes",
        "--enable_batching=",
        "--per_process_gpu_memory_fraction=much",
        "--per_process_gpu_memory_fraction=nan",
        "--load_retry_interval_micros=9223372036854775808",
    ],
)
def test_values_that_do_not_fit(argument: str) -> None:
    with pytest.raises(flags.FlagError, match="Couldn't interpret value"):
        flags.parse([argument])


@pytest.mark.parametrize(
    "argument", ["--prot=1", "-port=1", "port=1", "--port", "8500", "--", "", "--no_enable_batching", "--=3"]
)
def test_unknown_arguments_are_returned(argument: str) -> None:
    assert flags.parse([argument, "--port=7"]) == (Options(port=7), [argument])


def test_the_warning_shows_the_right_spelling() -> None:
    assert "did you mean 'port'?" in flags.unknown_argument("--prot=1")
    assert "written --port=VALUE" in flags.unknown_argument("--port")


@given(st.lists(st.text()))
def test_no_command_line_breaks_the_parser(arguments: list[str]) -> None:
    options, unknown = flags.parse(arguments)
    assert (
        unknown == [text for text in arguments if text.removeprefix("--").partition("=")[0] not in NAMES]
        or options
    )


@given(st.sampled_from(NARROW), st.integers())
def test_every_int32_is_accepted_and_nothing_else(name: str, number: int) -> None:
    if -(2**31) <= number < 2**31:
        assert getattr(parse(f"--{name}={number}"), name) == number
    else:
        with pytest.raises(flags.FlagError):
            parse(f"--{name}={number}")


@given(st.sampled_from(NAMES), st.text())
def test_a_value_is_accepted_or_a_flag_error(name: str, text: str) -> None:
    try:
        assert hasattr(parse(f"--{name}={text}"), name)
    except flags.FlagError as error:
        assert name in str(error)


def test_the_usage_names_every_flag_and_marks_extensions() -> None:
    text = flags.usage("server")
    assert all(f"\t--{name}=" in text for name in NAMES)
    assert next(line for line in text.splitlines() if "--worker_processes" in line).endswith(
        "[beyond TF Serving]"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (
            ("--model_base_path=m",),
            "Expected model default to have an absolute path or URI; got base_path()=m",
        ),
        (("--model_base_path=/m", "--port=0"), "At least one of server_options.grpc_port"),
        (
            ("--model_base_path=/m", "--batching_parameters_file=/b"),
            "without setting server_options.enable_batching",
        ),
        (("--model_base_path=/m", "--use_alts_credentials", "--ssl_config_file=/s"), "Only one of"),
        (("--model_base_path=/m", "--use_alts_credentials"), "--use_alts_credentials is not supported"),
        (("--model_base_path=/m", "--prefer_tflite_model"), "--prefer_tflite_model is not supported"),
        (("--model_base_path=/m", "--platform_config_file=/p"), "--platform_config_file is not supported"),
        (
            (
                "--model_base_path=/m",
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ),
            "You cannot configure all.",
        ),
        (("--model_base_path=/m", "--grpc_channel_arguments=a"), "expected key=value"),
        (("--model_base_path=/m", "--rest_api_port=70000"), "--rest_api_port must be a TCP port"),
        (("--model_base_path=/m", "--worker_processes=0"), "--worker_processes must be at least 1"),
        (("--model_config_file=/no/such/file",), "NOT_FOUND: /no/such/file; No such file or directory"),
        (("--model_base_path=/m", "--monitoring_config_file=/no"), "NOT_FOUND: /no; No such file"),
    ],
)
def test_refusals(arguments: tuple[str, ...], text: str) -> None:
    with pytest.raises(ServingError) as caught:
        checked(*arguments)
    assert text in str(caught.value)


def test_the_files_are_read(tmp_path: Path) -> None:
    batching, monitoring, models = tmp_path / "b", tmp_path / "m", tmp_path / "c"
    batching.write_text("max_batch_size { value: 8 }")
    monitoring.write_text("prometheus_config { enable: true }")
    models.write_text(
        f'model_config_list {{ config {{ name: "a" base_path: "{tmp_path}" model_platform: "tensorflow" }} }}'
    )
    options = checked(
        f"--model_config_file={models}",
        "--enable_batching",
        f"--batching_parameters_file={batching}",
        f"--monitoring_config_file={monitoring}",
    )
    assert options.batching is not None
    assert options.batching.max_batch_size == 8
    assert options.monitoring_path == "/monitoring/prometheus/metrics"
    assert options.model_config is not None
    assert [model.name for model in options.model_config.models] == ["a"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (0, 0)),
        (("--tensorflow_session_parallelism=3",), (3, 3)),
        (("--tensorflow_session_parallelism=3", "--tensorflow_intra_op_parallelism=2"), (2, 0)),
        (("--tensorflow_inter_op_parallelism=4",), (0, 4)),
    ],
)
def test_parallelism(arguments: tuple[str, ...], expected: tuple[int, int]) -> None:
    options = parse(*arguments)
    assert (options.intra_op_threads, options.inter_op_threads) == expected


def test_grpc_arguments_become_numbers_if_possible() -> None:
    options = parse(
        "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.x=y,grpc.z=99999999999,n=-1"
    )
    assert options.grpc_arguments == [
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.x", "y"),
        ("grpc.z", "99999999999"),
        ("n", -1),
    ]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_flag_that_cannot_be_read_loads_no_tensorflow() -> None:
    code = "import sys; from serving.server.main import main; print(main(['--port=x']), 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("255 False\n")


def test_exits_of_the_executable() -> None:
    version = run("--version", "--port=1")
    assert version.returncode == 0
    first, second = version.stdout.splitlines()
    assert first.startswith("TensorFlow ModelServer: ")
    assert second.startswith("TensorFlow Library: ")

    wrong = run("--port=x")
    assert wrong.returncode == 255
    assert "Couldn't interpret value x for flag port." in wrong.stderr
    assert wrong.stdout.startswith("usage: ")

    refused = run("--unknown_to_us=1")
    assert refused.returncode == 255
    assert "unknown argument: --unknown_to_us=1\n" in refused.stdout
    assert "IGNORED" in refused.stderr
    assert "Failed to start server. Error: INVALID_ARGUMENT: Both server_options" in refused.stdout

    assert run("--help").returncode == 0
