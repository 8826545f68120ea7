"""A running server's request log warms up the model's next version."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from tests.serving.clients import GrpcClient, example, spec
from tests.serving.models import WARMUP, ModelLibrary
from tests.serving.server_process import ServerProcess, until

pytestmark = pytest.mark.integration


def config(base: Path, logging_config: str = "") -> str:
    return f"""model_config_list {{ config {{
        name: "examples" base_path: "{base}" model_platform: "tensorflow"
        model_version_policy {{ all {{}} }} {logging_config} }} }}"""


def body(signature: str) -> dict[str, object]:
    return {"signature_name": signature, "examples": [{"x": 1.5, "s": "a"}]}


def published(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.tfrecord") if not path.name.startswith(".")]


def test_logged_requests_warm_up_the_next_version(models: ModelLibrary, tmp_path: Path) -> None:
    base, logs, text = tmp_path / "examples", tmp_path / "logs", tmp_path / "models.config"
    models.place("examples", base, 1)
    logging_config = f"""logging_config {{
        log_collector_config {{ type: "tfrecord" filename_prefix: "{logs}/requests" }}
        sampling_config {{ sampling_rate: 1.0 }} }}"""
    text.write_text(config(base, logging_config))
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    flags = (f"--model_config_file={text}", f"--monitoring_config_file={monitoring}")
    with ServerProcess(tmp_path, *flags) as server:
        grpc = GrpcClient(server.address)
        try:
            for verb in ("classify", "regress"):
                answer = httpx.post(f"{server.url}/v1/models/examples:{verb}", json=body(verb), timeout=20)
                assert answer.status_code == 200, answer.text
            grpc.classify(spec("examples", signature="classify"), [example(x=[2.0])])
            grpc.reload(config(base))
        finally:
            grpc.close()
        (log,) = until(lambda: published(logs))
        models.place("examples", tmp_path / "next" / "examples", 2)
        new = tmp_path / "next" / "examples" / "2"
        (new / WARMUP).parent.mkdir(exist_ok=True)
        shutil.copy(log, new / WARMUP)
        new.rename(base / "2")
        status = f"{server.url}/v1/models/examples/versions/2"
        until(lambda: httpx.get(status).text.count("AVAILABLE"))
        page = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    path = base / "2"
    assert f':tensorflow:serving:model_warmup_records_read{{model_path="{path}"}} 3\n' in page
    assert ':tensorflow:serving:request_log_count{model_name="examples",status_code="OK"} 3\n' in page
