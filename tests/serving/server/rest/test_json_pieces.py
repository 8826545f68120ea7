"""Large JSON is read in pieces: what comes out, and what is refused, is as if it were read at once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from serving.http.budget import Budget
from serving.server.rest import json_pieces, tolerant_json
from serving.server.rest.work import TooLargeError, Work
from serving.server.status import Code, ServingError

SEEDS = range(40)


@pytest.fixture(params=[1, 7, 40])
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of a few bytes, so that small documents are cut everywhere."""
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", request.param)
    return int(request.param)


def at_once(body: bytes) -> Any:
    return tolerant_json._parse_tolerantly(body)


def result(parse: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return repr(parse(body))
    except ServingError as error:
        return error.code


def text(chance: random.Random) -> str:
    return "".join(chance.choice(['"', "\\", ",", "[", "]", "{", "}", "a", "ä", "€", "😀", "\n", ":"]) for _ in range(chance.randrange(9)))  # fmt: skip


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 6 else 4)
    if kind == 0:
        return text(chance)
    if kind == 1:
        return chance.choice([1, -5, 2**63, 1.5, 1e300, float("nan"), float("inf"), -float("inf")])
    if kind == 2:
        return chance.choice([None, True, False, [], {}, ""])
    if kind == 3:
        return chance.randrange(10)
    if kind < 6:
        return [value(chance, depth + 1) for _ in range(chance.randrange(6))]
    return {text(chance): value(chance, depth + 1) for _ in range(chance.randrange(5))}


def document(chance: random.Random) -> bytes:
    made = {"instances": [value(chance) for _ in range(chance.randrange(1, 12))], text(chance): value(chance)}
    layout = {"indent": chance.choice([None, None, 1]), "ensure_ascii": chance.random() < 0.5}
    return json.dumps(made, **layout).encode() + chance.choice([b"", b" ", b" and more", b"]}"])  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_sound_documents(seed: int, tiny: int) -> None:
    body = document(random.Random(seed))
    assert result(tolerant_json._parse_large, body) == result(at_once, body)


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_documents(seed: int, tiny: int) -> None:
    """A byte is lost, doubled, changed or all that follows is cut off: accepted or refused as at once."""
    chance = random.Random(seed)
    body = document(chance)
    for _ in range(20):
        place = chance.randrange(1, len(body))  # The first byte makes it a request or not.
        damage = chance.choice([b"", body[place : place + 1] * 2, bytes([chance.choice(b',[]{}":\\1 N')])])
        bad = body[:place] + damage + body[place + 1 :] if chance.random() < 0.8 else body[:place]
        assert result(tolerant_json._parse_large, bad) == result(at_once, bad), bad


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":{"b":[1,2]},"a":{"c":[3,4],"d":5}}',
        b'{"a":{"b":1,"c":2},"x":0,"a":{"b":[1,{"e":1,"f":2}],"g":3}}',
        b"[[1,2],[3,[4,5,[6,7]],8],[],9]",
        b'{"":{"":[1,2],"b":3},"c":4}',
        b'["\\ud800", 1, "x"]',
        b'{"\\ud800":[1,2,3]}',
    ],
)
def test_documents_cut_at_every_comma(body: bytes, tiny: int) -> None:
    assert result(tolerant_json._parse_large, body) == result(at_once, body)


@pytest.mark.parametrize(
    "body", [b"[,1]", b"[1,,2]", b"[1,]", b"{,}", b'{"a":1,}', b'{"a":1,,"b":2}', b"[1,}", b'{"a":1]', b"[[1,2]", b"[ , ]", b'[{"a":[1,2},3]']
)  # fmt: skip
@pytest.mark.parametrize("white", [b"", b" " * 60])
def test_missing_values_and_brackets_are_refused(body: bytes, white: bytes, tiny: int) -> None:
    with pytest.raises(ServingError, match="JSON Parse error"):
        tolerant_json._parse_large(body.replace(b",", white + b"," + white))


LONG = 300_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"instances": ["' + b"\\\\" * LONG + b"Inf", "Missing a closing quotation mark in string. at offset: 15"),
        (b'{"instances": ["' + b"\\\\" * LONG + b'\\q"]}', f"Invalid escape character in string. at offset: {2 * LONG + 16}"),
        (b'{"instances": ["' + b"\\u00e4" * LONG + b'\xff"]}', f"Invalid encoding in string. at offset: {6 * LONG + 16}"),
        (b'{"instances": ["' + b"\\ud800" * LONG + b'"]}', "The surrogate pair in string is invalid. at offset: 15"),
        (b'{"instances": [' + b"1," * LONG + b"]}", f"Invalid value. at offset: {2 * LONG + 15}"),
        (b'{"instances": [' + b"1," * LONG + b"2 3]}", "Missing a comma or } or ] after a member or an element."),
        (b'{"instances": [' + b"1," * LONG, f"Invalid value. at offset: {2 * LONG + 15}"),
        (b'{"instances": [' + b"1 " * LONG + b"]}", "Invalid value. at offset: 0"),
        (b'{"instances": ' + b"[" * LONG, "Nested too deeply."),
        (b'{"instances": ' + b'{"a":' * LONG, "Nested too deeply."),
        (b" " * LONG, "The document is empty"),
        (b"1" * LONG, "Number too big"),
    ],
    ids=lambda value: value[-12:].decode("latin-1") if isinstance(value, bytes) else "",
)  # fmt: skip
def test_what_is_wrong_with_a_large_document(body: bytes, message: str) -> None:
    with pytest.raises(ServingError, match="JSON Parse error") as caught:
        tolerant_json.parse(body)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "last"),
    [
        (b"[" + b"1," * LONG + b"NaN]", "nan"),
        (b"[" + b" " * LONG + b"-Inf" + b"\n" * LONG + b", 2]", "2"),
        (b'["' + b'\\"' * LONG + b'", 5]', "5"),
        (b'["' + "ä€😀".encode() * LONG + b'", 5]', "5"),
        (b'\xef\xbb\xbf["' + b"a" * LONG + b'",' + b"[1,2]," * LONG + b"5] and more", "5"),
    ],
    ids=["nan", "white space", "quotes", "utf-8", "a long string before much else"],
)
def test_large_documents_that_are_odd_but_sound(body: bytes, last: str) -> None:
    assert repr(tolerant_json.parse(body)[-1]) == last


def test_reading_is_given_up_when_nobody_waits_when_it_is_late_or_when_there_is_no_room() -> None:
    body = b"[" + b"1.5," * LONG + b"1]"
    work = Work(Budget(10**9))
    work.give_up()
    assert work.run(tolerant_json.parse, body)[1].code is Code.CANCELLED  # type: ignore[union-attr]
    late = Work(Budget(10**9), deadline=-1.0).run(tolerant_json.parse, body)
    assert late[1].code is Code.DEADLINE_EXCEEDED  # type: ignore[union-attr]
    budget = Budget(10**8)
    budget.overdraw(99 * 10**6)
    assert Work(budget).run(tolerant_json.parse, body)[1].code is Code.UNAVAILABLE  # type: ignore[union-attr]
    assert isinstance(Work(Budget(10**6)).run(tolerant_json.parse, body)[1], TooLargeError)
    read, error = Work(Budget(10**9)).run(tolerant_json.parse, body)
    assert error is None
    assert len(read) == LONG + 1
