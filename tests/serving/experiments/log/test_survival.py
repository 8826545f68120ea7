"""The log survives what happens to processes and disks, and no prediction fails for it."""

from __future__ import annotations

import datetime
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from serving.experiments.log import compact, segment
from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.log.read import files
from serving.experiments.log.stream import Stream, take_over
from tests.serving.experiments.log.logged import choice, outcome, rows


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.serving.experiments.log.writes", str(directory), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], ticks: int) -> list[list[int]]:
    assert process.stdout is not None
    return [list(map(int, process.stdout.readline().split())) for _ in range(ticks)]


def streams(directory: Path) -> list[Path]:
    return [path for path in files(directory, "exp") if path.suffix == ".arrows"]


def test_what_was_taken_survives_a_kill(tmp_path: Path) -> None:
    process = start(tmp_path)
    last = said(process, 20)[-1]
    process.kill()
    process.wait()
    directory = tmp_path / "predictions"
    before = len(rows(directory))
    assert before >= last[1] == 60
    log = PredictionLog(LogConfig(), tmp_path)  # the next start, or another replica
    log.close()
    assert [path.suffix for path in files(directory, "exp")] == [".parquet"]
    ids = [row["request_id"] for row in rows(directory)]
    assert len(ids) == before == len(set(ids))


def test_a_stream_that_is_cut_anywhere_is_recovered_up_to_the_cut(tmp_path: Path) -> None:
    log = PredictionLog(LogConfig(), tmp_path)
    ends = []
    for number in range(4):
        log.take([(choice(), outcome(number))])
        ends.append(streams(log.directory)[0].stat().st_size)
    whole = streams(log.directory)[0].read_bytes()
    log.close()
    for size in range(0, len(whole), 97):
        path = tmp_path / "cut" / f".{size}.arrows"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole[:size])
        handle = take_over(path)
        assert handle is not None
        assert compact.compact(path, handle) == sum(end <= size for end in ends)
        assert compact.final_path(path).exists() == (ends[0] <= size)
        assert not path.exists()


def test_a_kill_between_parquet_and_stream_repeats_nothing(tmp_path: Path) -> None:
    log = PredictionLog(LogConfig(), tmp_path)
    log.take([(choice(), outcome(1))])
    [stream] = streams(log.directory)
    content = stream.read_bytes()
    log.close()
    stream.write_bytes(content)
    assert len(rows(log.directory)) == 1
    PredictionLog(LogConfig(), tmp_path).close()
    assert not stream.exists() and len(rows(log.directory)) == 1


def test_an_open_stream_of_another_process_is_left_alone_and_read(tmp_path: Path) -> None:
    first, second = PredictionLog(LogConfig(), tmp_path), start(tmp_path)
    first.take([(choice(), outcome(1))])
    said(second, 5)
    assert compact.recover(first.directory) == 0
    assert len(streams(first.directory)) == 2
    first.take([(choice(), outcome(2))])
    said(second, 2)
    second.kill()
    second.wait()
    first.close()
    PredictionLog(LogConfig(), tmp_path).close()
    found = [row["request_id"] for row in rows(first.directory)]
    assert len(found) == len(set(found)) >= 2 + 21
    assert not streams(first.directory)


def test_a_full_disk_costs_rows_that_are_counted_and_no_more(tmp_path: Path) -> None:
    process = start(tmp_path, "12000")  # bytes that a file of the process may have
    _, written, dropped = said(process, 30)[-1]
    process.kill()
    process.wait()
    assert dropped > 0
    assert written + dropped == 90
    PredictionLog(LogConfig(), tmp_path).close()
    ids = [row["request_id"] for row in rows(tmp_path / "predictions")]
    assert len(set(ids)) == len(ids) >= written


def test_writing_goes_on_when_there_is_space_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = PredictionLog(LogConfig(), tmp_path)
    log.take([(choice(), outcome(1))])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))  # as a full disk: nothing can grow
    try:
        for number in range(2, 8):
            log.take([(choice(), outcome(number))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.take([(choice(), outcome(8))])
    log.close()
    PredictionLog(LogConfig(), tmp_path).close()
    assert log.dropped == {"disk": 6}
    assert [row["request_id"] for row in rows(log.directory)] == ["r1", "r8"]
    said_once = [record for record in caplog.records if "could not be logged" in record.message]
    assert len(said_once) == 1 and "remedy: raise the limit of file sizes" in said_once[0].message


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.integration
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        log = PredictionLog(LogConfig(), disk)
        (disk / "filler").write_bytes(b"x" * (160 << 10))
        for number in range(400):
            log.take([(choice(), outcome(f"{number}-{i}")) for i in range(3)])
        assert log.dropped["disk"] > 0
        written = log.written["exp"]
        (disk / "filler").unlink()
        log.take([(choice(), outcome("last"))])
        assert log.written["exp"] == written + 1
        log.close()
        PredictionLog(LogConfig(), disk).close()
        ids = [row["request_id"] for row in rows(log.directory)]
        assert len(ids) == written + 1 == len(set(ids)) and ids[-1] == "rlast"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_files_are_closed_by_size_age_and_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(**rotation: float) -> int:
        log = PredictionLog(
            LogConfig.model_validate({"directory": str(rotation), "rotation": rotation}), tmp_path
        )
        for number in range(3):
            log.take([(choice(), outcome(number))])
        log.close()
        assert len(rows(log.directory)) == 3
        return len(files(log.directory, "exp"))

    assert count(megabytes=1) == 1
    assert count(megabytes=0.0001) == 3
    assert count(minutes=1e-9) == 3
    days = iter(f"2026-11-{day:02}" for day in range(10, 28))
    monkeypatch.setattr(segment, "_today", lambda: next(days))
    assert count(megabytes=2) == 3


def test_old_days_are_removed(tmp_path: Path) -> None:
    log = PredictionLog(LogConfig(keep_days=5), tmp_path)
    log.take([(choice(), outcome(1))])
    log.close()
    today = datetime.datetime.now(datetime.UTC).date()
    for age in (4, 5, 6, 400):
        (log.directory / "exp" / f"date={today - datetime.timedelta(age)}").mkdir()
    (log.directory / "exp" / "date=mine").mkdir()
    PredictionLog(LogConfig(keep_days=None), tmp_path).close()
    assert len(list((log.directory / "exp").iterdir())) == 7
    PredictionLog(LogConfig(keep_days=5), tmp_path).close()
    left = sorted(path.name for path in (log.directory / "exp").iterdir())
    assert left == [
        "date=1970-01-01",
        *sorted(f"date={today - datetime.timedelta(age)}" for age in (0, 4, 5)),
        "date=mine",
    ]


def test_nobody_takes_a_stream_that_is_being_begun(tmp_path: Path) -> None:
    ended = threading.Event()

    def sweep() -> None:
        while not ended.is_set():
            compact.recover(tmp_path)

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        for _ in range(300):
            stream = Stream(tmp_path / "exp" / "date=2026-11-29", pa.schema([("a", pa.int64())]))
            assert stream.path.exists()
            stream.discard()
    finally:
        ended.set()
        thread.join()
    old = tmp_path / "exp" / "date=2026-11-29" / ".a.arrows.new"
    for age in (0, 4000):
        old.touch()
        os.utime(old, (time.time() - age, time.time() - age))
        compact.recover(tmp_path)
        assert old.exists() == (age == 0)


def test_two_streams_of_one_process_have_two_names(tmp_path: Path) -> None:
    made = [Stream(tmp_path, pa.schema([("a", pa.int64())])) for _ in range(20)]
    assert len({stream.path for stream in made}) == 20
    for stream in made:
        stream.discard()
    assert not list(tmp_path.iterdir())
