"""A router in front of the server: the generated files, read back by their readers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from serving.deploy.generate import generate
from serving.deploy.notes import notes
from serving.deploy.reader import parse_document
from serving.deploy.router.checks import router_problems
from serving.experiments.document.reader import parse_document as parse_experiments

DOCUMENT = """
name: learners
models: {retention: {versions: [3, 5], labels: {stable: 3, canary: 5}}}
drain_seconds: 30
router: {experiments: experiments.yaml, image: "penstock:1", environment: [REWARD_TOKEN]}
compose: {models_folder: ../models}
kubernetes: {namespace: ml, storage: {claim: models}}
"""
MANY = DOCUMENT.replace(
    '"penstock:1"', '"penstock:1", replicas: 3, secret: router-keys, data_claim: router-data'
)
EXPERIMENTS = """
backends: {main: {grpc: "learners:8500", rest: "learners:8501"}}
state: /data/experiments.db
log: {directory: /data/predictions}
experiments:
  new_model:
    model: retention
    control: old
    arms: {old: {label: stable, weight: 90%}, new: {label: canary, weight: 10%}}
"""
SHARED = EXPERIMENTS.replace("state: /data/experiments.db", "state: {postgresql: STATE_URL}")


def services(text: str = DOCUMENT) -> dict[str, Any]:
    files = generate(parse_document(text, "serving.yaml"), EXPERIMENTS)
    return dict(yaml.safe_load(files["docker-compose.yaml"])["services"])


def objects(text: str, experiments: str = SHARED) -> dict[str, Any]:
    files = generate(parse_document(text, "serving.yaml"), experiments)
    return {f"{m['kind']} {m['metadata']['name']}": m for m in yaml.safe_load_all(files["kubernetes.yaml"])}


def test_under_compose_clients_reach_the_router_alone() -> None:
    made = services()
    assert "ports" not in made["learners"]
    router = made["learners-router"]
    assert router["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert router["command"][:2] == ["route", "/config/experiments.yaml"]
    assert router["depends_on"] == {"learners": {"condition": "service_healthy"}}
    assert {v["target"] for v in router["volumes"]} == {"/config", "/data"}
    assert router["environment"] == ["REWARD_TOKEN"]


def test_the_experiments_go_along_as_they_are() -> None:
    files = generate(parse_document(DOCUMENT, "serving.yaml"), EXPERIMENTS)
    assert yaml.safe_load(files["config/experiments.yaml"]) == yaml.safe_load(EXPERIMENTS)
    data = objects(DOCUMENT)["ConfigMap learners-router-config"]["data"]
    assert yaml.safe_load(data["experiments.yaml"]) == yaml.safe_load(SHARED)


@pytest.mark.parametrize("text", [DOCUMENT, MANY], ids=["one", "many"])
def test_manifests_fit_kubernetes_own_schemas(text: str) -> None:
    import kubernetes_validate

    for manifest in objects(text).values():
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_in_kubernetes_routers_have_a_service_and_roll_without_a_gap() -> None:
    made = objects(MANY)
    spec = made["Deployment learners-router"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    for name in ("Service learners-router", "PodDisruptionBudget learners-router"):
        selector = made[name]["spec"]["selector"]
        assert selector.get("matchLabels", selector) == labels
    assert labels != made["Deployment learners"]["spec"]["template"]["metadata"]["labels"]
    [container] = spec["template"]["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "router-keys"}}]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz/ready"
    [data] = [v for v in spec["template"]["spec"]["volumes"] if v["name"] == "data"]
    assert data["persistentVolumeClaim"] == {"claimName": "router-data"}


def test_a_change_of_experiments_restarts_no_router() -> None:
    before, after = objects(MANY), objects(MANY, SHARED.replace("90%", "80%").replace("10%", "20%"))
    assert before["Deployment learners-router"] == after["Deployment learners-router"]
    assert before["ConfigMap learners-router-config"] != after["ConfigMap learners-router-config"]


@pytest.mark.parametrize(
    ("text", "experiments", "said"),
    [
        (MANY, EXPERIMENTS, "3 routers share no SQLite file"),
        (DOCUMENT, EXPERIMENTS.replace("/data/experiments.db", "experiments.db"), "below /data"),
        (DOCUMENT, EXPERIMENTS.replace("/data/predictions", "predictions"), "below /data"),
        (DOCUMENT, EXPERIMENTS.replace("learners:8500", "127.0.0.1:8500"), "learners:8500"),
    ],
    ids=["sqlite of several", "state elsewhere", "log elsewhere", "another server"],
)
def test_experiments_that_cannot_work_there_are_refused(text: str, experiments: str, said: str) -> None:
    document = parse_document(text, "serving.yaml")
    problems = list(router_problems(document, parse_experiments(experiments, "experiments.yaml")))
    assert [p for p in problems if said in str(p)], problems
    assert not list(router_problems(parse_document(MANY, "s"), parse_experiments(SHARED, "experiments.yaml")))


def test_a_server_that_would_take_a_promotion_back_gets_a_note() -> None:
    [note] = notes(parse_document(DOCUMENT, "serving.yaml"), None)
    assert "config_poll_seconds: 0" in note
    assert notes(parse_document(DOCUMENT + "config_poll_seconds: 0\n", "serving.yaml"), None) == []
