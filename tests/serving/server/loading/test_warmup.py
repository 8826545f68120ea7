"""Warmup: which records are replayed, how often, and which files keep a version from serving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.loading import warmup
from serving.server.request_log.tfrecord import framed, records
from serving.server.status import Code, ServingError


@given(st.lists(st.binary(max_size=300)))
def test_records_come_back(written: list[bytes]) -> None:
    assert list(records(b"".join(map(framed, written)))) == written


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_a_changed_or_missing_byte_is_noticed(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(framed, written))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    with pytest.raises(ValueError, match="corrupted record at"):
        list(records(changed))
    cut = whole[:place]
    ends = {sum(map(len, map(framed, written[:count]))) for count in range(len(written))}
    if place not in ends:
        with pytest.raises(ValueError, match="corrupted record at"):
            list(records(cut))


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


def test_no_file_is_no_warmup(tmp_path: Path) -> None:
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
