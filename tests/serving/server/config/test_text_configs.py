"""The side files in text format, and the model configuration."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.config import text_configs
from serving.server.config.batching_parameters import BatchingParameters
from serving.server.config.model_config import LoggingConfig, ServerConfig, VersionPolicy, parse_config
from serving.server.status import Code, ServingError

WRAPPED = [
    name
    for name in (f.name for f in fields(BatchingParameters))
    if name
    not in (
        "allowed_batch_sizes",
        "pad_variable_length_inputs",
        "thread_pool_name",
        "enable_large_batch_splitting",
    )
]


def test_batching_parameters() -> None:
    text = """
        max_batch_size { value: 64 }  # comment
        batch_timeout_micros { value: 500 } max_enqueued_batches { value: 3 }
        num_batch_threads { value: 2 } thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8 allowed_batch_sizes: 32
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true } max_execution_batch_size { value: 32 }
    """
    parameters = text_configs.batching_parameters(text, "file")
    assert parameters == BatchingParameters(64, 500, 3, 2, "pool", (8, 32), True, True, 32)
    parameters.check()


def test_batching_defaults() -> None:
    parameters = text_configs.batching_parameters("", "file")
    assert parameters == BatchingParameters()
    assert (parameters.max_batch_size, parameters.batch_timeout_micros, parameters.max_enqueued_batches) == (
        1000,
        0,
        10,
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch: 3", 'no field named "max_batch"'),
        ("max_batch_size: 3", r'Expected "{"'),
        ("max_batch_size { value: 9223372036854775808 }", "out of range"),
        ("max_batch_size { value: x }", "Couldn't parse integer"),
        ("max_batch_size {", 'Expected "}"'),
    ],
)
def test_errors_name_the_file(text: str, reason: str) -> None:
    with pytest.raises(ServingError, match=f"Invalid protobuf file: 'file'.*{reason}") as caught:
        text_configs.batching_parameters(text, "file")
    assert caught.value.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (BatchingParameters(max_batch_size=0), "max_batch_size must be positive"),
        (BatchingParameters(batch_timeout_micros=-1), "must not be negative"),
        (BatchingParameters(8, allowed_batch_sizes=(4, 2, 8)), "monotonically increasing"),
        (BatchingParameters(8, allowed_batch_sizes=(2, 4)), "must equal max_batch_size"),
        (
            BatchingParameters(
                8, allowed_batch_sizes=(2, 8), enable_large_batch_splitting=True, max_execution_batch_size=4
            ),
            "must equal max_execution_batch_size",
        ),
        (
            BatchingParameters(8, enable_large_batch_splitting=True, max_execution_batch_size=16),
            "less than or equal to max_batch_size",
        ),
    ],
)
def test_batching_parameters_that_contradict_each_other(parameters: BatchingParameters, reason: str) -> None:
    with pytest.raises(ServingError, match=reason):
        parameters.check()


@given(st.dictionaries(st.sampled_from(WRAPPED), st.integers(-(2**63), 2**63 - 1)))
def test_every_number_arrives(values: dict[str, int]) -> None:
    text = "\n".join(f"{name} {{ value: {value} }}" for name, value in values.items())
    parameters = text_configs.batching_parameters(text, "file")
    assert {name: getattr(parameters, name) for name in values} == values


@given(st.text(alphabet=st.sampled_from("{}[]:,;<>\"'\\#/ \n01ax-.maxbtchsizevalue_"), max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (
        text_configs.batching_parameters,
        text_configs.monitoring_path,
        text_configs.ssl_config,
        parse_config,
    ):
        try:
            parse(text, "file")
        except ServingError as error:
            assert error.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config { }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
        ('prometheus_config { enable: false path: "/m" }', None),
    ],
)
def test_monitoring(text: str, path: str | None) -> None:
    assert text_configs.monitoring_path(text, "file") == path


def test_ssl_config() -> None:
    config = text_configs.ssl_config(
        r'server_key: "k\nk" server_cert: "c" client_verify: true custom_ca: "a"', "file"
    )
    assert (config.server_key, config.server_cert, config.custom_ca, config.client_verify) == (
        "k\nk",
        "c",
        "a",
        True,
    )
    assert "k" not in repr(config).replace("SslConfig", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('server_cert: "c"', "server_key"),
        ('server_key: "SECRET"', "server_cert"),
        ('server_key: "SECRET" server_cert: "c" client_verify: true', "custom_ca"),
        ('server_key: "SECRET', "line 1"),
        ('server_key: "SECRET" server_kert: "c"', "line 1"),
    ],
)
def test_ssl_errors_do_not_reveal_the_key(text: str, reason: str) -> None:
    with pytest.raises(ServingError, match=reason) as caught:
        text_configs.ssl_config(text, "file")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, Code.NOT_FOUND),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), Code.INVALID_ARGUMENT),
        (lambda path: path.mkdir(), Code.FAILED_PRECONDITION),
    ],
    ids=["missing", "not UTF-8", "a directory"],
)
def test_files_that_cannot_be_read(tmp_path: Path, make: object, code: Code) -> None:
    path = tmp_path / "file"
    make(path)  # type: ignore[operator]
    with pytest.raises(ServingError) as caught:
        text_configs.read_text(str(path))
    assert caught.value.code is code


MODELS = """
model_config_list {
  config {
    name: "a b/c" base_path: "/models/a" model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }
    logging_config {
      log_collector_config { type: "file" filename_prefix: "/log/a" }
      sampling_config { sampling_rate: 0.5 }
    }
  }
  config { name: "b" base_path: "gs://bucket/b" model_type: TENSORFLOW model_version_policy { all {} } }
  config { name: "c" base_path: "/c" model_platform: "tensorflow" model_version_policy { latest { num_versions: 0 } } }
  config { name: "d" base_path: "/d" model_platform: "tensorflow" }
}
"""


def test_the_model_configuration() -> None:
    a, b, c, d = parse_config(MODELS, "file").models
    assert (a.name, a.base_path, dict(a.labels)) == ("a b/c", "/models/a", {"stable": 3})
    assert a.policy == VersionPolicy("specific", versions=(3, 5))
    assert a.logging == LoggingConfig("file", "/log/a", 0.5)
    assert (b.policy.kind, b.platform) == ("all", "tensorflow")
    assert c.policy == d.policy == VersionPolicy("latest", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ServerConfig(is_list=False)), ("model_config_list {}", ServerConfig())],
    ids=["nothing", "an empty list"],
)
def test_no_models(text: str, expected: ServerConfig) -> None:
    assert parse_config(text, "file") == expected


def entry(text: str) -> str:
    return f'config {{ name: "m" base_path: "/m" model_platform: "tensorflow" }} config {{ {text} }}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('name: "m" base_path: "/x" model_platform: "tensorflow"', "Illegal to list model m multiple times"),
        (
            'name: "n" base_path: "x" model_platform: "tensorflow"',
            "Expected model n to have an absolute path",
        ),
        ('name: "n" model_platform: "tensorflow"', "Expected model n to have an absolute path"),
        ('name: "n" base_path: "/x"', "Illegal setting neither"),
        (
            'name: "n" base_path: "/x" model_type: TENSORFLOW model_platform: "tensorflow"',
            "Illegal setting both",
        ),
        ('name: "n" base_path: "/x" model_type: OTHER', "not supported"),
        ('name: "n" base_path: "/x" model_platform: "torch"', "requests unsupported platform torch"),
        ('name: "n" base_path: "/x" model_platform: "tensorflow" nme: 1', 'no field named "nme"'),
        (
            'name: "n" base_path: "/x" model_platform: "tensorflow" '
            "logging_config { sampling_config { sampling_rate: 2 } }",
            "sampling_rate must be between 0 and 1",
        ),
    ],
)
def test_configurations_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ServingError, match=reason) as caught:
        parse_config(f"model_config_list {{ {entry(text)} }}", "file")
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_custom_configuration_is_refused() -> None:
    with pytest.raises(ServingError, match="does not yet support custom model config"):
        parse_config("custom_model_config { }", "file")
