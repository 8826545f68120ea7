"""Thousands of odd calls: each gets an answer in JSON, and none is an internal error."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from serving.experiments.control.access import Access
from serving.experiments.control.handler import Control
from serving.experiments.document.reader import parse_document
from serving.experiments.rewards.writer import RewardWriter
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from tests.serving.experiments.control.conftest import DOCUMENT

LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63,
    2**64,
    1e308,
    -0.0,
    0.5,
    "",
    "a",
    "e",
    "numbers",
    "retained",
]
LEAVES += ["20%", "new", "old", "1/0", "\0", "é" * 300, "x" * 3000, "nan", "inf", [], {}]
KEYS = ["unit", "request_id", "value", "metric", "experiment", "rewards", "weights", "share", "readmit", "by"]
KEYS += ["reason", "arm", "label", "anyway", "new", "old", "far", "zz", ""]
PATHS = ["/e:reward", "/numbers:reward", ":rewards", "/e:start", "/e:ramp", "/e:stop", "/e:promote", "/e", ""]
PATHS += [
    "/%00:reward",
    "/é:start",
    "/" + "a" * 500 + ":stop",
    "/e:ramp?x=1",
    "/e%2f:start",
    "/%ff",
    "/e:rollback",
]
HEADERS = [b"content-type", b"origin", b"host", b"authorization", b"content-encoding"]
VALUES = [
    b"\xff",
    b"",
    b"http://",
    b"[::1",
    b"[",
    b"localhost:x",
    b"Bearer",
    b"gzip",
    b"application/json; charset=utf-8",
]


def value(chance: random.Random, depth: int = 0) -> Any:
    if depth > 3 or chance.random() < 0.5:
        return chance.choice(LEAVES)
    if chance.random() < 0.3:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(6))}


def test_odd_calls_are_answered(tmp_path: Path) -> None:
    document, chance = parse_document(DOCUMENT, "experiments.yaml"), random.Random(11)
    store = SqliteStore(tmp_path / "e.db")
    for name, experiment in document.experiments.items():
        store.declare(name, rules_of(experiment.reward))
    seen: Counter[int] = Counter()

    async def call() -> None:
        writer = RewardWriter(store, document.limits.waiting, ())
        control = Control(store, lambda: document, Access(document.tokens, ["127.0.0.1"], {}), writer=writer)
        for _ in range(1500):
            body = json.dumps(value(chance)).encode() if chance.random() < 0.9 else chance.randbytes(20)
            path = f"/v1/experiments{chance.choice(PATHS)}"
            odd = [(chance.choice(HEADERS), chance.choice(VALUES))] if chance.random() < 0.1 else []
            method = chance.choice(["POST"] * 6 + ["GET", "PUT", "HEAD"])
            answer = await control.handle(method, path, [*odd, (b"content-type", b"application/json")], body)
            assert answer.status != 500, (method, path, odd, body)
            assert isinstance(json.loads(answer.body), dict)
            seen[answer.status] += 1
        control.close()

    asyncio.run(call())
    assert {200, 400, 403, 404, 405, 409, 415, 501} <= set(seen)
    store.close()
