"""The generated files, read back by their readers: protobuf, YAML, Kubernetes' schemas, a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format

from foundation.errors import StorageError
from serving.deploy.document import pushed_model
from serving.deploy.generate import generate, write
from serving.deploy.notes import notes
from serving.deploy.quantity import cores, memory_bytes
from serving.deploy.reader import parse_document
from serving.server.config import text_configs

FULL = """
name: learners
models:
  retention: {versions: [3, 5], labels: {stable: 3, canary: 5}}
  'names: "quoted" \\ ünd': {base_path: gs://bucket/odd, versions: all}
batching: {max_batch_size: 64, batch_timeout_micros: 2000, num_batch_threads: 2, allowed_batch_sizes: [1, 8, 64],
  pad_variable_length_inputs: true}
monitoring: {path: /metrics}
tls: {client_verify: true}
flags: {rest_api_timeout_in_ms: 5000, enable_grpc_healthcheck_service: true, grpc_channel_arguments: a=$(b)}
resources: {cpu: 500m, memory: 2Gi, memory_limit: 4Gi, cpu_limit: 2}
compose: {models_folder: ../models}
kubernetes:
  namespace: ml
  replicas: 3
  storage: {claim: learner-models, create: true, storage_class: fast}
  autoscale: {most: 8}
  env_from_secret: store-credentials
  service_account: reader
""".replace("names: ", "name ")
SMALL = "name: learners\nmodels: {retention: {}}\n"


def files(text: str) -> dict[str, str]:
    return generate(parse_document(text, "serving.yaml"))


def objects(text: str) -> dict[str, Any]:
    return {
        f"{m['kind']} {m['metadata']['name']}": m for m in yaml.safe_load_all(files(text)["kubernetes.yaml"])
    }


def test_models_are_read_by_tf_servings_own_message() -> None:
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    first, odd = text_format.Parse(
        files(FULL)["config/models.config"], ModelServerConfig()
    ).model_config_list.config
    assert (first.name, first.base_path, first.model_platform) == (
        "retention",
        "/models/retention",
        "tensorflow",
    )
    assert list(first.model_version_policy.specific.versions) == [3, 5]
    assert dict(first.version_labels) == {"stable": 3, "canary": 5}
    assert (odd.name, odd.base_path) == ('name "quoted" \\ ünd', "gs://bucket/odd")
    assert odd.model_version_policy.HasField("all")


def test_batching_and_monitoring_are_read_by_the_servers_parsers() -> None:
    made = files(FULL)
    batching = text_configs.batching_parameters(made["config/batching.config"], "b")
    assert (batching.max_batch_size, batching.batch_timeout_micros, batching.num_batch_threads) == (
        64,
        2000,
        2,
    )
    assert (batching.allowed_batch_sizes, batching.pad_variable_length_inputs) == ((1, 8, 64), True)
    assert text_configs.monitoring_path(made["config/monitoring.config"], "m") == "/metrics"


def test_only_requested_files_are_generated() -> None:
    assert list(files(SMALL)) == ["config/models.config"]
    assert "compose" not in str(files(SMALL))


@pytest.mark.parametrize("text", [FULL, SMALL.replace("{}", "{base_path: 's3://b/m'}") + "kubernetes: {}\n"])
@pytest.mark.parametrize("version", ["1.27", ""], ids=["1.27", "latest"])
def test_manifests_fit_kubernetes_own_schemas(text: str, version: str) -> None:
    import kubernetes_validate

    for manifest in yaml.safe_load_all(files(text)["kubernetes.yaml"]):
        kubernetes_validate.validate(manifest, version or kubernetes_validate.latest_version(), strict=True)


def test_a_roll_out_loses_no_request() -> None:
    spec = objects(FULL)["Deployment learners"]["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pause == 20 < pod["terminationGracePeriodSeconds"]
    assert container["startupProbe"]["tcpSocket"] == {"port": "grpc"}
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 300
    assert container["readinessProbe"]["httpGet"] == {"path": "/v1/models/retention", "port": "rest"}


def test_selectors_and_references_match() -> None:
    made = objects(FULL)
    deployment = made["Deployment learners"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    for name in ("Service learners", "Service learners-pods"):
        assert made[name]["spec"]["selector"] == labels
    assert made["PodDisruptionBudget learners"]["spec"]["selector"]["matchLabels"] == labels
    assert made["HorizontalPodAutoscaler learners"]["spec"]["scaleTargetRef"]["name"] == "learners"
    pod = deployment["template"]["spec"]
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounted = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    assert set(volumes) == set(mounted)
    assert volumes["config"]["configMap"]["name"] == "learners-config"
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == "learner-models"
    assert "PersistentVolumeClaim learner-models" in made
    assert volumes["tls"]["secret"]["secretName"] == "learners-tls"
    assert volumes["secret"]["emptyDir"]["medium"] == "Memory"
    assert "replicas" not in deployment
    assert {m["metadata"]["namespace"] for m in made.values()} == {"ml"}


def test_every_file_that_a_flag_names_is_mounted() -> None:
    made, [container] = (
        files(FULL),
        objects(FULL)["Deployment learners"]["spec"]["template"]["spec"]["containers"],
    )
    config = objects(FULL)["ConfigMap learners-config"]["data"]
    named = [a.partition("=")[2] for a in container["args"] if "_file=" in a and "ssl" not in a]
    assert {Path(path).name for path in named} == {"models.config", "batching.config", "monitoring.config"}
    assert {f"config/{name}" for name in config} == {name for name in made if name.startswith("config/")}
    assert "--allow_version_labels_for_unavailable_models=true" in container["args"]
    assert "--grpc_channel_arguments=a=$$(b)" in container["args"]


def test_a_change_of_models_alone_restarts_no_pod() -> None:
    def template(text: str) -> Any:
        return objects(text)["Deployment learners"]["spec"]["template"]

    assert template(FULL) == template(FULL.replace("canary: 5", "canary: 3"))
    assert template(FULL) != template(
        FULL.replace("max_batch_size: 64", "max_batch_size: 65").replace("8, 64", "8, 65")
    )
    never = FULL + "config_poll_seconds: 0\n"
    assert template(never) != template(never.replace("canary: 5", "canary: 3"))


def test_compose_mounts_what_the_server_reads() -> None:
    [service] = yaml.safe_load(files(FULL)["docker-compose.yaml"])["services"].values()
    mounts = {v["target"]: v["source"] for v in service["volumes"]}
    assert mounts == {"/config": "./config", "/models": "../models", "/tls": "./tls"}
    assert all(v["read_only"] for v in service["volumes"])
    assert service["entrypoint"][-1] == "tensorflow_model_server"
    assert "--grpc_channel_arguments=a=$$(b)" in service["command"]
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    limits = service["deploy"]["resources"]
    assert limits["reservations"] == {"cpus": "0.5", "memory": str(2 * 2**30)}
    assert limits["limits"] == {"cpus": "2", "memory": str(4 * 2**30)}


@pytest.mark.parametrize(("status", "healthy"), [("200 OK", True), ("404 Not Found", False)])
def test_the_health_check_is_a_working_shell_command(status: str, healthy: bool) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = f"{SMALL}rest_port: {port}\ncompose:\n"
        [service] = yaml.safe_load(files(text)["docker-compose.yaml"])["services"].values()

        def answer() -> None:
            connection = server.accept()[0]
            asked = connection.recv(1000)
            assert asked.startswith(b"GET /v1/models/retention HTTP/1.0\r\n")
            connection.sendall(f"HTTP/1.0 {status}\r\n\r\n".encode())
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        test = [part.replace("$$", "$") for part in service["healthcheck"]["test"]]
        done = subprocess.run(test[1:], timeout=10, check=False)
        thread.join()
    assert (done.returncode == 0) is healthy
    assert subprocess.run(test[1:], timeout=10, check=False, capture_output=True).returncode != 0


def pem(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)


def test_the_start_script_writes_ssl_config_and_runs_the_server(tmp_path: Path) -> None:
    script, tls, out = tmp_path / "start.sh", tmp_path / "tls", tmp_path / "out"
    tls.mkdir(), out.mkdir()
    script.write_text(files(FULL)["config/start-with-tls.sh"])
    key, certificate = '-----BEGIN KEY-----\nab/+=\\"\n-----END KEY-----\n', "-----BEGIN\r\ncert\r\n"
    pem(tls, tls_key=key, tls_crt=certificate, ca_crt="ca without a last newline")
    code = "import sys; print(sys.argv[1:])"
    done = subprocess.run(
        ["/bin/sh", str(script), sys.executable, "-c", code, "--port=1", "a b"],
        env={"PATH": os.environ["PATH"], "PENSTOCK_TLS_FOLDER": str(tls), "PENSTOCK_SECRET_FOLDER": str(out)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "['--port=1', 'a b']"
    assert "KEY" not in done.stdout + done.stderr
    assert (out / "ssl.config").stat().st_mode & 0o077 == 0
    read = text_configs.ssl_config((out / "ssl.config").read_text(), "ssl.config")
    assert (read.server_key, read.server_cert) == (key, certificate.replace("\r", ""))
    assert (read.custom_ca.strip(), read.client_verify) == ("ca without a last newline", True)


@pytest.mark.parametrize("missing", ["tls.key", "tls.crt", "ca.crt"])
def test_the_start_script_names_a_missing_file(tmp_path: Path, missing: str) -> None:
    pem(tmp_path, tls_key="k\n", tls_crt="c\n", ca_crt="a\n")
    (tmp_path / missing).unlink()
    (tmp_path / "start.sh").write_text(files(FULL)["config/start-with-tls.sh"])
    done = subprocess.run(
        ["/bin/sh", str(tmp_path / "start.sh"), "echo", "started"],
        env={
            "PATH": os.environ["PATH"],
            "PENSTOCK_TLS_FOLDER": str(tmp_path),
            "PENSTOCK_SECRET_FOLDER": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert f"cannot read {tmp_path}/{missing}" in done.stderr
    assert not done.stdout


def test_no_generated_file_contains_a_key() -> None:
    assert "PRIVATE" not in str(files(FULL))
    assert "-----BEGIN" not in str(files(FULL))


def test_unchanged_files_are_left_alone_and_old_ones_removed(tmp_path: Path) -> None:
    first = write(files(FULL), tmp_path)
    assert len(first.changed) == 6
    stamp = (tmp_path / "kubernetes.yaml").stat().st_mtime_ns
    again = write(files(FULL), tmp_path)
    assert (again.changed, again.removed, len(again.unchanged)) == ((), (), 6)
    assert (tmp_path / "kubernetes.yaml").stat().st_mtime_ns == stamp
    less = write(files(SMALL), tmp_path)
    assert less.changed == ("config/models.config",)
    assert set(less.removed) == set(first.changed) - {"config/models.config"}


def test_a_foreign_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yaml").write_text("services: {}\n")
    with pytest.raises(StorageError, match="one that penstock deploy wrote"):
        write(files(FULL), tmp_path)
    assert (tmp_path / "docker-compose.yaml").read_text() == "services: {}\n"
    assert not (tmp_path / "config").exists()
    write(files(SMALL), tmp_path)
    assert (tmp_path / "docker-compose.yaml").exists()


def test_a_label_that_a_running_server_would_refuse_gets_a_note() -> None:
    before = files("name: a\nmodels: {m: {versions: [3], labels: {stable: 3}}}")["config/models.config"]

    def said(model: str) -> list[str]:
        return notes(parse_document(f"name: a\nmodels: {{m: {model}}}", "s"), before)

    [note] = said("{versions: [3, 5], labels: {stable: 5}}")
    assert "m: label stable moves from 3 to 5 in the same change" in note
    assert said("{versions: [3, 5], labels: {stable: 3, canary: 5}}") == []
    [note] = said("{labels: {stable: 3}}")
    assert "fixed versions, but the newest 1 are served" in note


def test_a_pushed_model_is_served_by_compose(tmp_path: Path) -> None:
    made = generate(pushed_model("learner_retention", tmp_path / "work" / "serving_models", tmp_path / "out"))
    [service] = yaml.safe_load(made["docker-compose.yaml"])["services"].values()
    assert {v["target"]: v["source"] for v in service["volumes"]}["/models"] == "../work/serving_models"
    assert 'base_path: "/models"' in made["config/models.config"]
    assert 'name: "learner_retention"' in made["config/models.config"]


def test_quantities_are_converted() -> None:
    assert [cores(q) for q in ("500m", "2", "1.5")] == ["0.5", "2", "1.5"]
    assert [memory_bytes(q) for q in ("2Gi", "1.5M", "100", "3k")] == [2 * 2**30, 1_500_000, 100, 3000]


def test_a_pipelines_name_becomes_a_service_name() -> None:
    assert pushed_model(f"a_{'b' * 46}_c_", Path("x"), Path("out")).name == f"a-{'b' * 46}-c"


def test_the_guide_names_every_key() -> None:
    from pydantic import BaseModel

    from serving.deploy import document as module

    text = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()
    kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, BaseModel)]
    skipped = {module.BatchingConfig, module.VersionsConfig, module.Config}
    keys = {name for kind in kinds if kind not in skipped for name in kind.model_fields}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []
