"""The files of ``examples/production`` and the images: generated ones are current, all are valid by their own schemas.

No container was ever started from them here: what an engine would say first is what these tests ask.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.document.loader import load
from serving.deploy.generate import generate
from serving.deploy.reader import read_document
from serving.deploy.router.checks import read_experiments

HOME = Path(__file__).parents[3]
PRODUCTION = HOME / "examples" / "production"
SECRET = re.compile(r"PASSWORD|SECRET")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PRODUCTION / "compose.yaml").read_text()))


def test_what_penstock_deploy_writes_is_current() -> None:
    document = read_document(PRODUCTION / "serving.yaml")
    made = generate(document, read_experiments(document, PRODUCTION))
    kept = PRODUCTION / "serving"
    assert {name: (kept / name).read_text() for name in made} == dict(made)
    assert {str(p.relative_to(kept)) for p in kept.rglob("*") if p.is_file()} == set(made)


def test_the_production_layer_fits_a_pipelines_document() -> None:
    example = HOME / "examples" / "learner_retention" / "pipeline.yaml"
    spec = load([example, PRODUCTION / "production.yaml"], []).spec
    assert spec.metadata.postgresql is not None
    assert spec.metadata.postgresql.host in compose()["services"]
    served = read_document(PRODUCTION / "serving.yaml").models
    assert spec.push is not None and Path(spec.push.to).name in served


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_cluster_gets_objects_that_kubernetes_knows() -> None:
    import kubernetes_validate

    done = subprocess.run(
        ["kubectl", "kustomize", str(PRODUCTION)], capture_output=True, text=True, check=True
    )
    objects = list(yaml.safe_load_all(done.stdout))
    for one in objects:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    assert {o["kind"] for o in objects} >= {"StatefulSet", "Deployment", "NetworkPolicy", "Namespace"}
    assert all(o["metadata"].get("namespace") == "penstock" for o in objects if o["kind"] != "Namespace")
    assert "registry.example/penstock-worker" in done.stdout


def test_the_metadata_database_has_no_password_of_its_own() -> None:
    text = (PRODUCTION / "kubernetes" / "metadata-database.yaml").read_text()
    (database,) = [o for o in yaml.safe_load_all(text) if o["kind"] == "StatefulSet"]
    (container,) = database["spec"]["template"]["spec"]["containers"]
    (password,) = [one for one in container["env"] if SECRET.search(one["name"])]
    assert password["valueFrom"]["secretKeyRef"] == {"name": "metadata-database", "key": "password"}


def test_ports_of_the_local_production_are_open_to_this_machine_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_every_image_of_the_local_production_is_pinned() -> None:
    for name, service in compose()["services"].items():
        tag = service["image"].partition(":")[2]
        assert tag and tag != "latest", name


def test_secrets_of_the_local_production_come_from_its_environment() -> None:
    for name, service in compose()["services"].items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]+)?\}", value), (name, key)
    given = (PRODUCTION / ".env.example").read_text()
    assert all(line.endswith("=") for line in given.splitlines() if SECRET.match(line.partition("_")[2]))


def test_services_wait_for_services_that_exist() -> None:
    services = compose()["services"]
    waited = {one for service in services.values() for one in service.get("depends_on", ())}
    assert waited and waited <= set(services)


def stages() -> list[tuple[str, str]]:
    """Returns base and name of each stage of the Dockerfile, in order."""
    return re.findall(r"^FROM (\S+) AS (\S+)$", (HOME / "Dockerfile").read_text(), re.MULTILINE)


def test_the_images_are_built_from_locks_and_the_worker_is_the_default() -> None:
    text = (HOME / "Dockerfile").read_text()
    names = [name for _, name in stages()]
    assert names[-1] == "worker" and {"model-server", "airflow"} <= set(names)
    assert len(names) == text.count("\nFROM ")
    locks = set(re.findall(r"requirements/(\w+\.txt)", text))
    assert locks == {"tools.txt", "runtime.txt", "serving.txt", "airflow.txt"}
    assert all("--hash=sha256:" in (HOME / "requirements" / lock).read_text() for lock in locks)


def test_stages_copy_from_earlier_ones_only() -> None:
    known: set[str] = set()
    for block in re.split(r"^FROM ", (HOME / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]:
        base, _, name = block.splitlines()[0].split()
        assert base in known or base.startswith("${")
        assert set(re.findall(r"COPY --from=(\S+)", block)) <= known
        known.add(name)


def test_compose_builds_stages_that_exist() -> None:
    targets = {s["build"]["target"] for s in compose()["services"].values() if "build" in s}
    assert targets and targets <= {name for _, name in stages()}


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(["hadolint", str(HOME / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.stdout == "" and done.returncode == 0
