"""Contract, sections 9.3, 6.6, 5.4, 5.6 and 1: monitoring, and a server with the flags that are off by default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import GrpcClient, example, floats, predict_request, refused, rest_client, spec
from tests.serving.contract.configs import Model, config_text
from tests.serving.graphs import REGRESS
from tests.serving.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

PATH = "/monitoring/prometheus/metrics"
SERVING = ":tensorflow:serving:"


def _metrics(rest: httpx.Client) -> dict[str, float]:
    answer = rest.get(PATH)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if line and line[0] != "#"]
    return {name: float(value) for name, value in lines}


def _count(metrics: dict[str, float], model: str, status: str) -> float:
    return metrics.get(f'{SERVING}request_count{{model_name="{model}",status="{status}"}}', 0.0)


def test_9_3_request_count(client: GrpcClient, rest: httpx.Client) -> None:
    before = _metrics(rest)
    client.value("zero")
    client.regress("examples", [example(x=1.0)])
    client.classify(spec("examples", signature="classify"), [example(x=1.0)])
    rest.post("/v1/models/zero:predict", content='{"instances": [1.0]}')
    rest.get("/v1/models/zero")
    rest.get("/v1/models/zero/metadata")
    with refused("FAILED_PRECONDITION"):
        client.value(spec("zero", signature="S"))
    rest.post("/v1/models/zero:predict", content="{}")
    rest.post("/v1/models/zero/versions/9:predict", content='{"instances": [1.0]}')
    after = _metrics(rest)
    grown = {
        (model, status): _count(after, model, status) - _count(before, model, status)
        for model in ("zero", "examples")
        for status in ("OK", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND")
    }
    assert {key: value for key, value in grown.items() if value} == {
        ("zero", "OK"): 4,
        ("examples", "OK"): 2,
        ("zero", "FAILED_PRECONDITION"): 1,
        ("zero", "INVALID_ARGUMENT"): 1,
        ("zero", "NOT_FOUND"): 1,
    }


def test_9_3_multi_inference_is_not_counted(client: GrpcClient, rest: httpx.Client) -> None:
    from tensorflow_serving.apis.inference_pb2 import InferenceTask, MultiInferenceRequest

    before = _count(_metrics(rest), "examples", "OK")
    request = MultiInferenceRequest()
    request.tasks.append(InferenceTask(model_spec=spec("examples", signature="regress"), method_name=REGRESS))
    request.input.example_list.examples.append(example(x=1.0))
    client.prediction.MultiInference(request, timeout=10)
    assert _count(_metrics(rest), "examples", "OK") == before


@pytest.mark.parametrize(
    ("model", "api", "entrypoint"),
    [
        ("half_plus_two", "Predict", "GRPC"),
        ("half_plus_two", "predict", "REST"),
        ("examples", "Regress", "GRPC"),
        ("examples", "regress", "REST"),
        ("examples", "Classify", "GRPC"),
        ("examples", "classify", "REST"),
    ],
    ids="9.3: {}".format,
)
def test_request_latency(
    client: GrpcClient, rest: httpx.Client, model: str, api: str, entrypoint: str
) -> None:
    name = f'{SERVING}request_latency_count{{model_name="{model}",API="{api}",entrypoint="{entrypoint}"}}'
    before = _metrics(rest).get(name, 0.0)
    if entrypoint == "REST":
        row = (
            '{"instances": [1.0]}'
            if model != "examples"
            else (f'{{"signature_name": "{api}", "examples": [{{"x": 1.0}}]}}')
        )
        assert rest.post(f"/v1/models/{model}:{api}", content=row).status_code == 200
        rest.post(f"/v1/models/{model}:{api}", content="{}")
    elif api == "Predict":
        client.value(model)
    else:
        getattr(client, api.lower())(spec(model, signature=api.lower()), [example(x=1.0)])
    assert _metrics(rest)[name] == before + 1, "successes only"


def test_9_3_histograms(client: GrpcClient, rest: httpx.Client) -> None:
    client.value("half_plus_two")
    text = rest.get(PATH).text
    labels = 'model_name="half_plus_two",API="Predict",entrypoint="GRPC"'
    buckets = re.findall(rf'{SERVING}request_latency_bucket{{{labels},le="([^"]+)"}} (\S+)', text)
    bounds = [bound for bound, _ in buckets]
    assert len(bounds) == 34 and bounds[-1] == "+Inf"
    assert [float(b) for b in bounds[:-1]] == pytest.approx([10 * 1.8**k for k in range(33)], rel=1e-4)
    counts = [float(count) for _, count in buckets]
    assert counts == sorted(counts)
    metrics = _metrics(rest)
    assert metrics[f"{SERVING}request_latency_count{{{labels}}}"] == counts[-1]
    assert metrics[f"{SERVING}request_latency_sum{{{labels}}}"] > 0


def test_9_3_the_text_format(rest: httpx.Client) -> None:
    """Each sample belongs to a family whose type is given; histograms have three kinds of samples."""
    text = rest.get(PATH).text
    assert "# HELP" not in text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert set(types.values()) <= {"counter", "gauge", "histogram"}
    assert all(re.fullmatch(r":[A-Za-z0-9_:]+", name) for name in types)
    known = {name for name, kind in types.items() if kind != "histogram"} | {
        name + suffix
        for name, kind in types.items()
        if kind == "histogram"
        for suffix in ("_bucket", "_sum", "_count")
    }
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {re.split("[{ ]", line)[0] for line in lines} <= known


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (f"{SERVING}request_count", "counter"),
        (f"{SERVING}request_latency", "histogram"),
        (f"{SERVING}runtime_latency", "histogram"),
        (f"{SERVING}request_example_counts", "histogram"),
        (f"{SERVING}request_example_count_total", "counter"),
        (":tensorflow:cc:saved_model:load_attempt_count", "counter"),
        (":tensorflow:cc:saved_model:load_latency", "counter"),
    ],
    ids="9.3: {}".format,
)
def test_families(client: GrpcClient, rest: httpx.Client, family: str, kind: str) -> None:
    client.value("half_plus_two")
    client.regress("examples", [example(x=1.0)])
    text = rest.get(PATH).text
    assert f"# TYPE {family} {kind}" in text
    assert re.search(rf"^{family}\S* \S+$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "family",
    [
        f"{SERVING}model_warmup_latency",
        f"{SERVING}model_warmup_records_read",
        f"{SERVING}request_log_count",
        f"{SERVING}batching_session:queuing_latency",
        f"{SERVING}batching_session:wrapped_run_count",
        ":tensorflow:core:graph_runs",
        ":tensorflow:core:direct_session_runs",
    ],
    ids="9.3: {}".format,
)
def test_families_that_need_no_sample(rest: httpx.Client, family: str) -> None:
    assert f"# TYPE {family} " in rest.get(PATH).text


def test_9_3_labels_of_families(client: GrpcClient, rest: httpx.Client) -> None:
    client.value("half_plus_two")
    client.regress("examples", [example(x=1.0), example(x=2.0)])
    text = rest.get(PATH).text
    assert (
        f'{SERVING}runtime_latency_count{{model_name="half_plus_two",API="Predict",runtime="TF1"}} ' in text
    )
    assert f'{SERVING}request_example_count_total{{model="examples"}} ' in text
    assert re.search(r':load_attempt_count{model_path="[^"]*half_plus_two/0*123",status="\w+"} 1\n', text)


# A server with other flags


@pytest.fixture(scope="module")
def strict(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """CORS, method name check, batching from a file, short REST time limit, no warmup; no monitoring."""
    folder = tmp_path_factory.mktemp("strict")
    for name in ("examples", "arithmetic", "slow", "half_plus_two", "batches"):
        models.place(name, folder / name)
    (folder / "slow" / "1" / "assets.extra").mkdir()
    (folder / "slow" / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records")
    names = ("examples", "arithmetic", "slow", "half_plus_two", "batches")
    (folder / "models.config").write_text(config_text(Model(name, folder / name) for name in names))
    (folder / "batching.config").write_text(
        "max_batch_size { value: 4 } batch_timeout_micros { value: 1000000 } num_batch_threads { value: 4 }"
    )
    (folder / "session.config").write_text("inter_op_parallelism_threads: 2 allow_soft_placement: true")
    flags = (
        f"--model_config_file={folder / 'models.config'}",
        "--rest_api_enable_cors_support=true",
        "--enable_signature_method_name_check",
        "--rest_api_timeout_in_ms=1500",
        "--enable_model_warmup=false",
        "--enable_batching=true",
        f"--tensorflow_session_config_file={folder / 'session.config'}",
        "--tensorflow_intra_op_parallelism=2",
        "--grpc_max_threads=8",
        "--rest_api_num_threads=8",
        f"--batching_parameters_file={folder / 'batching.config'}",
    )
    with ServerProcess(folder, *flags) as process:
        yield process


@pytest.fixture(scope="module")
def strict_client(strict: ServerProcess) -> Iterator[GrpcClient]:
    client = GrpcClient(strict.address)
    yield client
    client.close()


@pytest.fixture(scope="module")
def strict_rest(strict: ServerProcess) -> Iterator[httpx.Client]:
    with rest_client(strict.url) as client:
        yield client


def test_9_3_without_the_file_there_is_no_monitoring(strict_rest: httpx.Client) -> None:
    assert strict_rest.get(PATH).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/v1/models/examples", 200, id="6.6: status"),
        pytest.param("GET", "/v1/models/nobody", 404, id="6.6: an error"),
        pytest.param("POST", "/v1/models/examples", 400, id="6.6: a malformed request"),
    ],
)
def test_cors_headers(strict_rest: httpx.Client, method: str, path: str, status: int) -> None:
    answer = strict_rest.request(method, path)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, GET"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"


def test_6_6_options(strict_rest: httpx.Client) -> None:
    asked = strict_rest.options("/v1/models/examples:predict", headers={"Origin": "http://page.example"})
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["access-control-allow-origin"] == "*"
    assert strict_rest.options("/v1/models/examples:predict").status_code == 400


@pytest.mark.parametrize(
    ("call", "signature", "works"),
    [
        ("classify", "classify", True),
        ("regress", "regress", True),
        ("classify", "classify_by_predict", False),
        ("regress", "regress_by_predict", False),
        ("regress", "any_method", False),
    ],
    ids="5.4: {}".format,
)
def test_the_method_name_check(strict_client: GrpcClient, call: str, signature: str, works: bool) -> None:
    ask = getattr(strict_client, call)
    target = spec("examples", signature=signature)
    if works:
        assert ask(target, [example(x=1.0)])
    else:
        with refused("INVALID_ARGUMENT", "method_name"):
            ask(target, [example(x=1.0)])


def test_5_6_predict_with_the_method_name_check(strict_client: GrpcClient) -> None:
    assert strict_client.value("half_plus_two") == [2.5]
    serialized = [example(x=1.0).SerializeToString()]
    answer = strict_client.predict(spec("examples", signature="regress"), {"inputs": serialized})
    assert list(answer.outputs["outputs"].float_val) == [2.5], "regress is a method Predict may have"
    with refused("INTERNAL"):
        strict_client.value(spec("arithmetic", signature="odd_method"))


def test_1_the_time_limit_of_rest_is_504(strict_rest: httpx.Client) -> None:
    answer = strict_rest.post("/v1/models/slow:predict", content='{"instances": [60000.0]}')
    assert answer.status_code == 504 and list(answer.json()) == ["error"]


def test_1_enable_model_warmup_false_reads_no_warmup_file(strict_client: GrpcClient) -> None:
    assert strict_client.states("slow") == {1: "AVAILABLE"}


def test_8_one_parameters_file_for_all_models(strict_client: GrpcClient) -> None:
    stub = strict_client.prediction
    futures = [
        stub.Predict.future(predict_request("batches", {"x": floats(1.0)}), timeout=10) for _ in range(4)
    ]
    assert [list(future.result().outputs["size"].int_val) for future in futures] == [[4]] * 4
