"""Parts of the exporter that need no server: ranges, limits, checkpoints, secrets, consistency statements."""

from __future__ import annotations

import datetime
import gzip
import logging
import math
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports import extended_json
from foundation.errors import LockedError, SpecError, StorageError
from pipeline.cli.main import main
from pipeline.export import ExportSettings, export
from pipeline.export.connect import Server, redacted, uri_from_environment
from pipeline.export.encode import Encoder
from pipeline.export.governor import Governor, RateLimit
from pipeline.export.manifest import statement
from pipeline.export.place import publish
from pipeline.export.plan import held
from pipeline.export.ranges import IdRange, read, written
from pipeline.export.settings import parse_filter, target_of
from pipeline.export.shards import Shard
from pipeline.export.snapshot import Snapshot, take

SECRET = "s3cr%2Ft-canary"
URI = f"mongodb://canaryuser:{SECRET}@127.0.0.1:9/?serverSelectionTimeoutMS=100&connectTimeoutMS=100"
PLAIN = "s3cr/t-canary"


def is_clean(text: str) -> bool:
    return not any(secret in text for secret in (SECRET, PLAIN, "canaryuser"))


def test_credentials_are_refused_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["export", URI, "c", "--to", "x"],
        ["export", "d", "c", "--to", "x", "--uri", URI],
        ["export", "d", "c", "--to", "x", f"--uri={URI}"],
        ["export", "d", "c", URI, "--to", "x"],
    ):
        assert main([*arguments, "--debug"]) == 2
        shown = capsys.readouterr()
        assert "PENSTOCK_MONGODB_URI" in shown.err
        assert is_clean(shown.err + shown.out)


def test_credentials_are_in_no_error_log_or_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PENSTOCK_MONGODB_URI", URI)
    code = main(["export", "d", "c", "--to", str(tmp_path / "out"), "--patience", "1", "--debug"])
    shown = capsys.readouterr()
    assert (code, "expected a server that answers" in shown.err) == (7, True)
    written_files = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert is_clean(shown.err + shown.out + caplog.text + written_files)


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://canaryuser:s3cr/t-canary@h",
        f"mongodb://canaryuser:{SECRET}@h:port/",
    ],
)
def test_broken_connection_strings(uri: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        export(ExportSettings("d", "c", tmp_path), uri)
    assert is_clean(str(caught.value))
    assert caught.value.__cause__ is None


def test_redaction() -> None:
    text = f"{URI} user canaryuser, password {PLAIN}, other mongodb+srv://a:b@c/d"
    assert redacted(text, URI) == "… user …, password …, other mongodb+srv://…@c/d"


@pytest.mark.parametrize(("value", "seen"), [("", "nothing"), ("localhost:27017", "something else")])
def test_no_connection_string(value: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_MONGODB_URI", value)
    with pytest.raises(SpecError, match=f"PENSTOCK_MONGODB_URI.*seen: {seen}"):
        uri_from_environment()


def test_help_describes_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "collection", "--help"]) == 0
    assert "The only command that reads MongoDB's application data" in " ".join(
        capsys.readouterr().out.split()
    )


def test_conditions_of_a_range() -> None:
    assert IdRange(0, "string").condition() == {"_id": {"$type": "string"}}
    assert IdRange(0, "number", (1,), (5,)).condition() == {"_id": {"$gte": 1, "$lt": 5}}
    assert IdRange(0, "number", (1,), (5,)).condition((3,)) == {"_id": {"$gt": 3, "$lt": 5}}
    assert IdRange(0, "minKey").condition((MinKey(),)) is None
    assert math.isnan(IdRange(0, "number", (math.nan,)).condition()["_id"])
    assert IdRange(0, "number", (math.nan,)).condition((math.nan,)) is None


@pytest.mark.parametrize(
    "value",
    [
        1,
        Int64(1),
        "a",
        ObjectId(),
        {"a": 1},
        Binary(b"x", 3),
        2.5,
        Decimal128("1.0"),
        True,
        DatetimeMS(-(10**15)),
    ],
)
def test_bounds_are_kept_exactly(value: Any) -> None:
    assert (back := read(written((value,)))) == (value,)
    assert type(back[0]) is type(value)


ODD = {
    "_id": 1,
    "long": Int64(2**60),
    "nan": math.nan,
    "far": DatetimeMS(10**15),
    "at": datetime.datetime(2026, 1, 2, 3, 4, 5, 670_000),
    "bin": Binary(b"\0\1", 4),
    "dec": Decimal128("1.10"),
    "re": Regex("a.b", "i"),
    "ts": Timestamp(1, 2),
    "text": "Zoë \u2028 \n",
}


@pytest.mark.parametrize("format", ["relaxed", "canonical"])
def test_written_documents_are_read_back(format: str) -> None:
    raw = bson.encode(ODD)
    content, count, last = Encoder(format).encode(raw + raw)
    lines = content.decode().split("\n")
    assert (count, last, len(lines), lines[0]) == (2, 1, 3, lines[1])
    assert bson.encode(extended_json.loads(lines[0])) == raw


def test_invalid_utf8_is_counted() -> None:
    raw = bson.encode({"_id": 1, "a": "xx"}).replace(b"xx", b"x\xff")
    encoder = Encoder("relaxed")
    assert "x\ufffd" in encoder.encode(raw)[0].decode()
    assert encoder.replaced == 1
    assert Encoder("bson").encode(raw)[0] == raw


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=12), st.integers(0, 30))
def test_a_shard_loses_nothing_wherever_it_is_cut(
    tmp_path_factory: Any, flushes: list[bool], torn: int
) -> None:
    folder = tmp_path_factory.mktemp("shard")
    extent = IdRange(0, "number")
    for number, flush in enumerate(flushes):
        shard = Shard(folder, extent, "jsonl")
        after = shard.after
        assert after == ((shard.checkpoint.documents - 1,) if shard.checkpoint.documents else ())
        begin = shard.checkpoint.documents
        shard.add(f"{begin}\n".encode(), 1, begin, in_snapshot=False, replaced=0)
        if flush:
            shard.flush()
        elif shard.path.exists():  # killed in the middle of a write
            shard.path.write_bytes(shard.path.read_bytes() + bytes(torn) + b"\x1f\x8b")
        assert number >= 0
    last = Shard(folder, extent, "jsonl")
    last.flush(done=True)
    lines = gzip.decompress(last.path.read_bytes()).decode().split()
    assert lines == [str(n) for n in range(sum(flushes))]


def test_the_rate_limit_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noted(threading.Event):
        """Records the requested waits without waiting."""

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return False

    waits: list[float | None] = []
    monkeypatch.setattr("pipeline.export.governor.time", SimpleNamespace(monotonic=lambda: 100.0))
    limit, stop = RateLimit(1000), Noted()
    threads = [threading.Thread(target=lambda: [limit.take(25, stop) for _ in range(4)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([0.025 * turn for turn in range(1, 17)])


def test_a_slow_server_gets_fewer_requests() -> None:
    governor = Governor(8)
    for _ in range(20):
        governor.observe(0.01)
    for _ in range(16):
        governor.observe(0.5)
    assert (governor.limit, governor.slowed) == (2, 2)
    for _ in range(200):
        governor.observe(0.01)
    assert governor.limit == 8


def test_turns_are_limited() -> None:
    governor, stop, most, now = Governor(2), threading.Event(), [0], [0]
    lock = threading.Lock()

    def one() -> None:
        with governor.turn(stop):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            stop.wait(0.02)
            with lock:
                now[0] -= 1

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


class FakeSession:
    def __init__(self, moment: Timestamp | None) -> None:
        self._snapshot_time = moment

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class FakeClient:
    """A double of a 7.0 replica set that only supports snapshots."""

    def start_session(self, snapshot: bool) -> FakeSession:
        assert snapshot
        return FakeSession(None)

    def find_one(self, *_: Any, session: FakeSession) -> None:
        session._snapshot_time = Timestamp(1_700_000_000, 1)


def test_a_snapshot_is_taken_once_and_shared() -> None:
    now = datetime.datetime.now(datetime.UTC)
    client = FakeClient()
    found = take(client, client, Server("7.0.1", now, True, "replica set"), True)
    assert found == Snapshot.from_json(found.to_json()) == Snapshot(Timestamp(1_700_000_000, 1))
    with found.session(client) as session:
        assert session._snapshot_time == Timestamp(1_700_000_000, 1)
    single = take(client, client, Server("7.0.1", now, False, "single server"), True)
    assert (single.time, "cannot read snapshots" in single.reason) == (None, True)


@pytest.mark.parametrize(
    ("outside", "whole", "said"),
    [
        (0, True, "Point in time: all documents as of 2026"),
        (4, False, "Not a point in time: 6 documents as of 2026.* and 4 as of when they were read"),
        (
            10,
            False,
            "Not a point in time: each document as of when it was read, today; .* Reason: because",
        ),
    ],
)
def test_the_manifest_states_how_consistent_the_export_is(outside: int, whole: bool, said: str) -> None:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    found = statement(10, outside, at, "because", "today")
    assert found["point_in_time"] is whole
    assert re.match(said, found["statement"])


def test_two_exports_at_once(tmp_path: Path) -> None:
    with held(tmp_path / "a"), pytest.raises(LockedError, match="one running"), held(tmp_path / "a"):
        raise AssertionError("both hold it")


def test_unfinished_files_are_private_and_published_ones_are_as_usual(tmp_path: Path) -> None:
    settings_, partial = ExportSettings("d", "c", tmp_path), tmp_path / ".1.partial"
    with held(partial):
        shard = Shard(partial, IdRange(0, "number"), "jsonl")
        shard.add(b"{}\n", 1, 1, in_snapshot=True, replaced=0)
        shard.flush(done=True)
        assert [path.stat().st_mode & 0o777 for path in (partial, shard.path)] == [0o700, 0o600]
        folder = publish(settings_, partial, 1)
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual/file").touch()
    assert folder.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (folder / shard.path.name).stat().st_mode == (tmp_path / "usual/file").stat().st_mode


def test_targets(tmp_path: Path) -> None:
    assert (
        target_of("exports/x/{SPAN}", tmp_path)
        == target_of("exports/x/", tmp_path)
        == (Path("exports/x"), None)
    )
    folder, remote = target_of("s3://bucket/x/{SPAN}", tmp_path)
    assert (folder.parent, str(remote)) == (tmp_path, "s3://bucket/x")
    with pytest.raises(StorageError, match="seen: another scheme"):
        target_of("ftp://host/x", tmp_path)
    with pytest.raises(SpecError, match="FOLDER"):
        target_of("exports/{SPAN}/x", tmp_path)


def test_filters() -> None:
    assert parse_filter('{"a": {"$gt": {"$numberLong": "5"}}}') == {"a": {"$gt": Int64(5)}}
    for text in ("{", "[]", '{"a": {"$oid": 5}}'):
        with pytest.raises(SpecError, match="Extended JSON"):
            parse_filter(text)
    assert json_util.dumps(parse_filter("{}")) == "{}"
