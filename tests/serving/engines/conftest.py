"""A folder of versions without a real model, its warm-up requests, and doubles of external programs on the PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from foundation.saved_model import WARMUP_FILE
from foundation.tfrecord import framed_batch
from serving.client.grpc.tensors import write_tensor
from serving.client.inputs.convert import DType
from serving.wire import client_pb2
from serving.wire.tensors import objects

DOUBLE = """#!{python}
# A recording double of tensorflow_model_server: writes down how it was called, says that its model is available, and
# ends on SIGTERM.
import http.server, json, signal, sys

def record(**what):
    with open({record!r}, "a") as file:
        file.write(json.dumps(what) + "\\n")

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({{"model_version_status": [{{"version": "7", "state": "AVAILABLE",
            "status": {{"error_code": "OK", "error_message": ""}}}}]}}).encode()
        if self.path.endswith("/metadata"):
            tensor = {{"dtype": "DT_FLOAT", "name": "x:0",
                       "tensor_shape": {{"dim": [{{"size": "-1", "name": ""}}], "unknown_rank": False}}}}
            signature = {{"inputs": {{"x": tensor}}, "outputs": {{}}, "method_name": "p", "defaults": {{}}}}
            body = json.dumps({{"model_spec": {{"name": "m", "signature_name": "", "version": "7"}}, "metadata":
                {{"signature_def": {{"signature_def": {{"serving_default": signature}}}}}}}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

def end(*arguments):
    record(ended="SIGTERM")
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
record(arguments=sys.argv[1:])
port = next(int(a.partition("=")[2]) for a in sys.argv if a.startswith("--rest_api_port="))
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, text: str) -> Path:
    """Writes an executable into the folder."""
    file = folder / name
    file.write_text(text)
    os.chmod(file, 0o755)
    return file


@pytest.fixture
def double(programs: Path, tmp_path: Path) -> Path:
    """A recording double of tensorflow_model_server on the PATH; returns the file it records to."""
    record = tmp_path / "recorded.jsonl"
    put(programs, "tensorflow_model_server", DOUBLE.format(python=sys.executable, record=str(record)))
    return record


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with versions 3 and 7."""
    for number in (3, 7):
        (tmp_path / "learners" / str(number)).mkdir(parents=True)
        (tmp_path / "learners" / str(number) / "saved_model.pb").write_bytes(b"")
    return tmp_path / "learners"


def warmup_record(signature: str, **inputs: tuple[DType, object]) -> bytes:
    """A PredictionLog with one Predict request."""
    import numpy as np

    log = client_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, (dtype, values) in inputs.items():
        array = np.array(values, object) if dtype is DType.STRING else np.array(values, dtype.numpy)
        write_tensor(
            objects(array) if dtype is DType.STRING and array.ndim == 1 else array,
            dtype,
            request.inputs[name],
        )
    return log.SerializeToString()


def write_warmup(version: Path, *records: bytes) -> None:
    """Writes records as a version's warm-up requests."""
    (version / WARMUP_FILE).parent.mkdir(parents=True)
    (version / WARMUP_FILE).write_bytes(framed_batch(records))
