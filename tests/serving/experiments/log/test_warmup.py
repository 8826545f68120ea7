"""A version is warmed up by what clients really sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation.errors import DataError, StorageError
from foundation.tfrecord import read_records
from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.log.warmup import write_warmup
from serving.wire import client_pb2
from serving.wire.requests_pb2 import PredictRequest
from serving.wire.tensors import decode
from tests.serving.experiments.log.logged import BEGAN, choice, outcome
from tests.serving.experiments.payload.test_protobuf import example, predict

FLOAT, INT64, STRING = 1, 9, 7


def version_with(folder: Path, **inputs: tuple[int, list[int]]) -> Path:
    model = client_pb2.SavedModel()
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    for name, (dtype, shape) in inputs.items():
        info = graph.signature_def["serving_default"].inputs[name]
        info.dtype = dtype
        for size in shape:
            info.tensor_shape.dim.add(size=size)
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    return folder


def log_of(folder: Path, batch: list[Any], **config: Any) -> Path:
    log = PredictionLog(LogConfig.model_validate(config), folder)
    log.take(batch)
    log.close()
    return log.directory


def requests(file: Path) -> list[dict[str, Any]]:
    logs = [client_pb2.PredictionLog.FromString(record) for record in read_records(file.read_bytes())]
    found = [PredictRequest.FromString(one.predict_log.request.SerializeToString()) for one in logs]
    return [{entry.key: decode(entry.value) for entry in one.inputs} for one in found]


def test_requests_have_the_types_and_shapes_of_the_signature(tmp_path: Path) -> None:
    version = version_with(
        tmp_path / "1", x=(FLOAT, [-1, 1]), n=(INT64, [-1]), s=(STRING, [-1, -1]), gone=(FLOAT, [-1, 2])
    )
    batch = [
        (choice(), outcome(1, inputs=[{"x": 1, "n": 2, "s": "a"}, {"x": 1.5, "n": 3, "s": "b"}], answer=[1, 2])),
        (choice(), outcome(2, inputs=[{"x": 2.5, "n": 4, "s": ["c", "d"]}], began=BEGAN + 1)),
        (choice(), outcome(3, inputs=[{"x": 2.5, "n": 4, "s": ["c", "d"]}], began=BEGAN + 2)),
        (choice(), outcome(4, inputs=[{"x": 9}], code=3, response=b"")),
    ]  # fmt: skip
    made = write_warmup(log_of(tmp_path, batch), "exp", version)
    assert (made.records, made.filled["gone"]) == (2, 4)
    assert made.file == version / "assets.extra" / "tf_serving_warmup_requests"
    newest, oldest = requests(made.file)
    assert newest["s"].tolist() == [[b"c", b"d"]] and newest["x"].dtype == np.float32
    assert oldest["x"].tolist() == [[1.0], [1.5]] and oldest["n"].tolist() == [2, 3]
    assert oldest["gone"].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_examples_are_serialized_again(tmp_path: Path) -> None:
    version = version_with(tmp_path / "1", examples=(STRING, [-1]))
    sent = example(age=31, score=[0.5, 1.5], name="a")
    body = predict(examples=np.array([sent], object))
    batch = [(choice(), outcome(1, api="grpc", request=body, response=b""))]
    made = write_warmup(log_of(tmp_path, batch), "exp", version)
    [again] = requests(made.file)
    assert client_pb2.Example.FromString(again["examples"][0]) == client_pb2.Example.FromString(sent)


def test_an_unnamed_input_is_the_only_one(tmp_path: Path) -> None:
    version = version_with(tmp_path / "1", x=(FLOAT, [-1, 2]))
    made = write_warmup(
        log_of(tmp_path, [(choice(), outcome(1, inputs=[[1, 2], [3, 4]], answer=[1, 2]))]), "exp", version
    )
    assert requests(made.file)[0]["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    version = version_with(tmp_path / "1", x=(FLOAT, [-1]))
    directory = log_of(tmp_path, [(choice(), outcome(1))], inputs=False)
    with pytest.raises(DataError, match=r"log\.inputs: true"):
        write_warmup(directory, "exp", version)
    with pytest.raises(StorageError, match="saved_model"):
        write_warmup(directory, "exp", tmp_path)
    with pytest.raises(DataError, match="check the experiment's name"):
        write_warmup(directory, "other", version)


@pytest.mark.component
def test_a_version_loads_with_it(tmp_path: Path, models: Any) -> None:
    import httpx

    from tests.serving.contract.configs import Model, config_text
    from tests.serving.server_process import ServerProcess

    half = models.place("half_plus_two", tmp_path / "half")
    examples = models.place("examples", tmp_path / "examples")
    batch = [(choice(), outcome(i, inputs=[float(i), 1.0], answer=[1.0, 2.0])) for i in range(3)]
    regress = client_pb2.RegressionRequest()
    regress.model_spec.signature_name = "regress"
    regress.input.example_list.examples.add().ParseFromString(example(x=1.5))
    body = regress.SerializeToString()
    batch.append(
        (choice(experiment="b"), outcome(9, api="grpc", method="regress", request=body, response=b""))
    )
    directory = log_of(tmp_path, batch)
    assert write_warmup(directory, "exp", half).records == 3
    assert write_warmup(directory, "b", examples).records == 1
    config = tmp_path / "models.config"
    config.write_text(
        config_text([Model("half", tmp_path / "half"), Model("examples", tmp_path / "examples")])
    )
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    with ServerProcess(
        tmp_path, f"--model_config_file={config}", f"--monitoring_config_file={monitoring}", fresh=True
    ) as server:
        text = httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
    read = [line.rpartition(" ")[2] for line in text.splitlines() if "warmup_records_read{" in line]
    assert sorted(read) == ["1", "3"]
    counted = [line for line in text.splitlines() if "model_warmup_latency_count{" in line]
    assert [line.rpartition('status="OK"} ')[2] for line in counted] == ["1", "1"]
