"""The request log: its files, its limits, and that it never blocks a request."""

from __future__ import annotations

import errno
import io
import logging
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation.tfrecord import read_records
from serving.server.config.model_config import LoggingConfig
from serving.server.metrics import Metrics
from serving.server.request_log import RequestLog, log
from serving.server.request_log.files import RotatingFile
from serving.server.status import ServingError


def started(prefix: Path, rate: float = 1.0, metrics: Metrics | None = None) -> RequestLog:
    request_log = RequestLog(metrics=metrics)
    request_log.configure({"m": LoggingConfig("", str(prefix), rate)})
    return request_log


def records(path: Path) -> list[bytes]:
    return list(read_records(path.read_bytes()))


def published(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def test_it_is_off_until_a_model_wants_it(tmp_path: Path) -> None:
    request_log = RequestLog()
    assert not request_log.active
    request_log.configure({"m": LoggingConfig("", str(tmp_path / "log"), 0.0)})
    assert not request_log.active
    assert not request_log.wants("m")
    request_log.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (LoggingConfig("kafka", "/x", 1.0), "log collector type 'kafka' does not exist; expected 'tfrecord'"),
        (LoggingConfig("", "", 1.0), "filename_prefix is missing"),
    ],
)
def test_configurations_that_are_refused(config: LoggingConfig, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        RequestLog().configure({"m": config})


def test_records_are_published_when_it_closes(tmp_path: Path) -> None:
    metrics = Metrics()
    request_log = started(tmp_path / "deep" / "log", metrics=metrics)
    for number in range(3):
        request_log.add("predict", "m", 2, b"\n\x03abc", b"\x12\x00", f"s{number}")
    request_log.close()
    (path,) = published(tmp_path / "deep")
    assert path.name.startswith("log-")
    assert path.name.endswith(".tfrecord")
    assert len(records(path)) == 3
    assert b"\n\x03abc" in records(path)[0]
    assert metrics.value("/tensorflow/serving/request_log_count") == 3


def test_a_new_configuration_loses_no_record_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    write = RequestLog._write
    monkeypatch.setattr(RequestLog, "_write", lambda *args: may_write.wait(30) and write(*args))
    request_log = started(tmp_path / "log")
    for number in range(3):
        request_log.add("predict", "m", 2, b"\n\x03abc", b"\x12\x00", f"s{number}")
    request_log.configure({})
    may_write.set()
    request_log.close()
    (path,) = published(tmp_path)
    assert len(records(path)) == 3


def test_sampling(tmp_path: Path) -> None:
    request_log = started(tmp_path / "log", 0.25)
    wanted = sum(request_log.wants("m") for _ in range(4000))
    assert 800 < wanted < 1200
    assert not request_log.wants("other")
    request_log.close()


def test_a_new_configuration_replaces_the_old_one(tmp_path: Path) -> None:
    request_log = started(tmp_path / "log")
    request_log.configure({})
    assert not request_log.active
    assert not request_log.wants("m")
    request_log.close()


@pytest.mark.parametrize("limits", [{"max_records": 2}, {"max_bytes": 30}])
def test_full_files_are_rotated(tmp_path: Path, limits: dict[str, int]) -> None:
    file = RotatingFile(str(tmp_path / "log"), **limits)
    for number in range(5):
        file.write(b"record%d" % number)
    assert [len(records(path)) for path in published(tmp_path)] == [2, 2]
    file.publish()
    assert [record for path in published(tmp_path) for record in records(path)] == [
        b"record0", b"record1", b"record2", b"record3", b"record4"
    ]  # fmt: skip
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_old_files_are_rotated(tmp_path: Path) -> None:
    file = RotatingFile(str(tmp_path / "log"), max_seconds=0.05)
    file.write(b"a")
    file.publish_if_old()
    assert published(tmp_path) == []
    time.sleep(0.06)
    file.publish_if_old()
    assert len(published(tmp_path)) == 1


def test_a_full_queue_drops_counts_and_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    request_log = RequestLog(metrics=metrics)
    monkeypatch.setattr(log, "_MAX_WAITING_BYTES", 100)
    # Not started: nothing empties the queue.
    request_log._prefixes = {"m": str(tmp_path / "log")}
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            request_log.add("predict", "m", 1, b"x" * 40, b"")
    assert "1 record(s) dropped so far; the last for model m: the queue is full" in caplog.text
    assert 'request_log_count{model_name="m",status_code="RESOURCE_EXHAUSTED"} 3' in metrics.page().decode()


def test_an_unwritable_folder_drops_and_logs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    metrics = Metrics()
    with caplog.at_level(logging.WARNING):
        request_log = started(tmp_path / "file" / "log", metrics=metrics)
        request_log.add("predict", "m", 1, b"", b"")
        request_log.close()
    assert "dropped so far; the last for model m" in caplog.text
    assert metrics.value("/tensorflow/serving/request_log_count") == 1


class SmallDisk(io.FileIO):
    """A file on a disk with room for this many bytes."""

    room = 50

    def write(self, content: Any) -> int:
        fits = min(len(content), self.room - self.tell())
        if fits <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content[:fits]) or 0


def test_a_full_disk_leaves_a_readable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.server.request_log.files.io.FileIO", SmallDisk)
    file = RotatingFile(str(tmp_path / "log"))
    file.write(b"a" * 20)
    with pytest.raises(OSError, match="No space left"):
        file.write(b"b" * 20)
    file.publish()
    assert records(published(tmp_path)[0]) == [b"a" * 20]


@pytest.mark.integration
def test_tensorflow_reads_the_records(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    request_log = started(tmp_path / "log", 0.5)
    inputs = {"x": np.array([[1.5]], np.float32), "s": np.array([b"a\xff"], object)}
    request_log.add_predict("m", 2, "serving_default", inputs, {"y": np.array([7], np.int64)})
    request_log.add_examples("classify", "m", 2, "c", [b"\n\x00"], [[(b"cat", 0.75)]])
    request_log.add_examples("regress", "m", 2, "r", [b"\n\x00"], [2.5])
    request_log.close()
    (path,) = published(tmp_path)
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.compat.v1.io.tf_record_iterator(str(path))
    ]
    predict, classify, regress = logs
    assert predict.log_metadata.model_spec.version.value == 2
    assert predict.log_metadata.sampling_config.sampling_rate == 0.5
    assert abs(predict.log_metadata.timestamp_secs - time.time()) < 60
    request, response = predict.predict_log.request, predict.predict_log.response
    assert (request.model_spec.name, request.model_spec.signature_name) == ("m", "serving_default")
    np.testing.assert_array_equal(tf.make_ndarray(request.inputs["x"]), inputs["x"])
    assert tf.make_ndarray(request.inputs["s"]).tolist() == [b"a\xff"]
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [7]
    assert classify.classify_log.response.result.classifications[0].classes[0].label == "cat"
    assert classify.classify_log.request.input.example_list.examples[0].IsInitialized()
    assert regress.regress_log.response.result.regressions[0].value == 2.5


def test_files_with_client_data_are_private(tmp_path: Path) -> None:
    file = RotatingFile(str(tmp_path / "log"))
    file.write(b"personal")
    file.publish()
    assert [path.stat().st_mode & 0o007 for path in tmp_path.iterdir()] == [0]
