"""A server that runs an experiment itself: one real process, both APIs, no router."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving import graphs
from tests.serving.clients import GrpcClient, floats, predict_request, spec
from tests.serving.experiments.log.logged import rows
from tests.serving.server_process import ServerProcess, until

pytestmark = pytest.mark.component
UNITS = [f"u{n}" for n in range(40)]
DOCUMENT = """
state: {sqlite: state.db}
log: {directory: predictions}
layers: {a: {}, b: {}, c: {}}
experiments:
  e:
    model: m
    layer: a
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {version: 2, weight: 50%}}
    reward: {metric: kept, type: binary, window: 1d}
  falling:
    model: f
    layer: b
    control: there
    arms: {there: {version: 1, weight: 50%}, gone: {version: 7, weight: 50%}}
    fallback: control
  watched:
    model: w
    layer: c
    control: old
    mode: shadow
    arms: {old: {version: 1}, copy: {version: 2}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("hop_free")
    for model in "mfw":
        for version in (1, 2):
            graphs.constant(float(version))(folder / model / str(version))
    models = (
        f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" model_version_policy {{ all {{}} }} }}'
        for name in "mfw"
    )
    (folder / "models.conf").write_text("model_config_list { " + " ".join(models) + " }")
    (folder / "experiments.yaml").write_text(DOCUMENT)
    flags = (
        "--host=127.0.0.1", f"--model_config_file={folder / 'models.conf'}",
        f"--experiments={folder / 'experiments.yaml'}",
    )  # fmt: skip
    with ServerProcess(folder, *flags) as running:
        client = GrpcClient(running.address)
        for model in "mfw":
            until(lambda model=model: client.states(model) == {1: "AVAILABLE", 2: "AVAILABLE"})  # type: ignore[misc]
        client.close()
        for name in ("e", "falling", "watched"):
            httpx.post(f"{running.url}/v1/experiments/{name}:start", json={}).raise_for_status()
        for model in "mfw":
            until(lambda model=model: "penstock-arm" in rest(running, "u", model).headers)  # type: ignore[misc]
        yield running


def rest(server: ServerProcess, unit: str, path: str = "m") -> httpx.Response:
    return httpx.post(
        f"{server.url}/v1/models/{path}:predict",
        json={"instances": [0.0]},
        headers={"penstock-unit": unit, "penstock-request-id": f"r-{unit}"},
    )


def grpc_arm(server: ServerProcess, target: Any, *metadata: tuple[str, str]) -> tuple[int, dict[str, str]]:
    client = GrpcClient(server.address)
    try:
        request = predict_request(target, {"x": floats(0.0)})
        answer, call = client.prediction.Predict.with_call(request, timeout=20, metadata=metadata)
        return answer.model_spec.version.value, dict(call.trailing_metadata())
    finally:
        client.close()


def test_a_unit_has_one_arm_over_both_apis(server: ServerProcess) -> None:
    seen = set()
    for unit in UNITS:
        answer = rest(server, unit)
        arm, request_id = answer.headers["penstock-arm"], answer.headers["penstock-request-id"]
        assert request_id == f"r-{unit}"
        version, trailing = grpc_arm(server, "m", ("penstock-unit", unit))
        assert trailing["penstock-arm"] == arm
        assert len(trailing["penstock-request-id"]) == 32
        assert answer.json() == {"predictions": [float(version)]}
        assert version == {"e/old": 1, "e/new": 2}[arm]
        seen.add(arm)
    assert seen == {"e/old", "e/new"}


def test_a_request_that_names_its_version_is_left_alone(server: ServerProcess) -> None:
    for version in (1, 2):
        answer = rest(server, "u", f"m/versions/{version}")
        assert answer.json() == {"predictions": [float(version)]}
        assert "penstock-arm" not in answer.headers
        found, trailing = grpc_arm(server, spec("m", version=version), ("penstock-unit", "u"))
        assert (found, trailing) == (version, {})


def test_an_arm_that_is_not_there_falls_back_if_the_document_says_so(server: ServerProcess) -> None:
    arms = set()
    for unit in UNITS:
        answer = rest(server, unit, "f")
        assert answer.json() == {"predictions": [1.0]}
        assert grpc_arm(server, "f", ("penstock-unit", unit))[0] == 1
        arms.add(answer.headers["penstock-arm"])
    assert arms == {"falling/there", "falling/gone"}


def test_an_experiment_of_its_own_name_has_metadata_of_its_control(server: ServerProcess) -> None:
    found = httpx.get(f"{server.url}/v1/models/f/metadata").json()
    assert found["model_spec"]["version"] == "1"
    client = GrpcClient(server.address)
    assert client.metadata("f", "signature_def").model_spec.version.value == 1
    client.close()


def test_errors_carry_the_arm_too(server: ServerProcess) -> None:
    answer = httpx.post(f"{server.url}/v1/models/m:predict", content=b"{", headers={"penstock-unit": "u"})
    assert answer.status_code == 400
    assert answer.headers["penstock-arm"].startswith("e/")


def test_rewards_status_and_metrics_are_on_the_rest_port(server: ServerProcess) -> None:
    rest(server, "rewarded")

    def reward() -> Any:
        body = {"unit": "rewarded", "value": 1}
        status = httpx.post(f"{server.url}/v1/experiments/e:reward", json=body).json()["status"]
        return status in ("accepted", "repeated")

    until(reward)
    assert httpx.get(f"{server.url}/v1/experiments/e").json()
    assert "penstock" in httpx.get(f"{server.url}/metrics").text


def test_a_shadow_gets_a_copy_and_the_client_only_controls_answer(server: ServerProcess) -> None:
    for unit in UNITS:
        assert rest(server, unit, "w").json() == {"predictions": [1.0]}
        assert grpc_arm(server, "w", ("penstock-unit", unit))[0] == 1
    until(lambda: 'arm="copy"' in httpx.get(f"{server.url}/metrics").text)


def test_the_log_has_the_format_of_the_routers(server: ServerProcess) -> None:
    [folder] = [
        Path(flag.partition("=")[2]).parent for flag in server.flags if flag.startswith("--experiments")
    ]
    rest(server, "logged", "w")
    version, trailing = grpc_arm(server, "m", ("penstock-unit", "logged"))

    def logged(experiment: str, **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
        found = rows(folder / "predictions", experiment, **options)
        return {(row["request_id"], row["arm"]): row for row in found}

    until(lambda: ("r-logged", "copy") in logged("watched", shadows=True))
    copy = logged("watched", shadows=True)["r-logged", "copy"]
    assert copy["shadow"] and copy["version"] == 2 and copy["output"] == 2.0 and copy["input"] == 0.0
    assert all(not row["shadow"] for row in logged("watched").values())
    key = (trailing["penstock-request-id"], trailing["penstock-arm"].partition("/")[2])
    until(lambda: key in logged("e"))
    row = logged("e")[key]
    assert (row["api"], row["version"], row["propensity"], row["code"]) == ("grpc", version, 0.5, 0)
    assert row["input_x"] == 0.0 and float(version) in (
        row[name] for name in row if name.startswith("output")
    )


def test_an_arm_on_another_backend_is_refused_at_the_start(tmp_path: Path) -> None:
    document = DOCUMENT.replace(
        "version: 2, weight: 50%}}\n    reward", "backend: far, weight: 50%}}\n    reward"
    )
    (tmp_path / "experiments.yaml").write_text(document + "backends: {far: {grpc: '127.0.0.1:1'}}\n")
    flags = (f"--model_base_path={tmp_path}", f"--experiments={tmp_path / 'experiments.yaml'}")
    with ServerProcess(tmp_path, *flags, ready=False) as running:
        assert running.process.wait(60) == 255
        assert "experiments.e.arms.new.backend: expected none" in running.log
        assert "use 'penstock route'" in running.log
