"""Warmup: which records are replayed, how often, and which files keep a version from serving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.tfrecord import framed
from serving.server.loading import warmup
from serving.server.status import Code, ServingError


def place(folder: Path, content: bytes) -> Path:
    path = folder / warmup.WARMUP_FILE
    path.parent.mkdir()
    path.write_bytes(content)
    return folder


def test_broken_framing_is_data_loss(tmp_path: Path) -> None:
    servable: Any = None
    with pytest.raises(ServingError, match="corrupted record at 0") as caught:
        warmup.warm_up(servable, place(tmp_path, framed(b"x")[:-1]))
    assert caught.value.code is Code.DATA_LOSS


def test_without_a_file_there_is_no_warmup(tmp_path: Path) -> None:
    servable: Any = None
    assert warmup.warm_up(servable, tmp_path) == 0


@pytest.mark.integration
def test_logs_are_replayed_in_order_and_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    from serving.server.loading import replay

    logs = [PredictionLog() for _ in range(3)]
    for number, log in enumerate(logs[:2]):
        log.predict_log.request.model_spec.name = f"m{number}"
    seen: list[str] = []
    monkeypatch.setattr(replay, "replay", lambda _, log: seen.append(log.predict_log.request.model_spec.name))
    servable: Any = object()
    content = b"".join(framed(log.SerializeToString()) for log in logs)
    assert warmup.warm_up(servable, place(tmp_path, content), 2) == 3  # The third has no log set: skipped.
    assert seen == ["m0", "m0", "m1", "m1"]

    unsupported = PredictionLog()
    unsupported.session_run_log.SetInParent()
    for broken, code in (
        (framed(b"\xff\xff"), Code.INVALID_ARGUMENT),
        (framed(unsupported.SerializeToString()), Code.UNIMPLEMENTED),
        (framed(b"") * 1001, Code.INVALID_ARGUMENT),
    ):
        (tmp_path / warmup.WARMUP_FILE).write_bytes(broken)
        with pytest.raises(ServingError) as caught:
            warmup.warm_up(servable, tmp_path)
        assert caught.value.code is code
