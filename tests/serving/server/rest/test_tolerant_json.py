"""JSON as RapidJSON reads it: extensions of the standard, and how the rest is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.server.rest.predict_request import inputs, parse_object
from serving.server.status import Code, ServingError
from tests.serving.server.rest.running import signature


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as caught:
        parse_object(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def test_words_for_nan_and_infinity() -> None:
    words = parse_object(b'{"v": [NaN, -NaN, Inf, -Inf, Infinity, -Infinity], "s": "Inf -Inf \\" NaN"}')
    assert [math.isnan(word) for word in words["v"][:2]] == [True, True]
    assert words["v"][2:] == [math.inf, -math.inf, math.inf, -math.inf]
    assert words["s"] == 'Inf -Inf " NaN'


def test_text_after_the_object_is_ignored() -> None:
    assert parse_object(b' {"a": 1} trailing }') == {"a": 1}


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_of_equal_keys_the_last_counts() -> None:
    assert parse_object(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n ", "JSON Parse error: The document is empty"),
        (b"[1]", "JSON Value: [\n    1\n] Is not object"),
        (b"{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": }', "JSON Parse error: Invalid value. at offset: 6"),
        (b'{"a": "b}', "JSON Parse error: Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": "\\q"}', "JSON Parse error: Invalid escape character in string. at offset: 7"),
        (b'{"a": "\xff"}', "JSON Parse error: Invalid encoding in string. at offset: 7"),
        (b'{"a": 1e400}', "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": ' + b"9" * 10_000 + b"}", "JSON Parse error: Number too big to be stored in double."),
        (b'{"a": 01}', "JSON Parse error: Missing a comma or } or ] after a member or an element. at offset: 7"),
    ],
)  # fmt: skip
def test_refused(body: bytes, message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"a":['])
def test_bombs_of_brackets_are_refused(opening: bytes) -> None:
    assert refusal(b'{"instances": ' + opening * 100_000).startswith("JSON Parse error: ")


def test_many_digits_behind_the_point_are_a_number() -> None:
    assert parse_object(b'{"a": 0.' + b"3" * 10_000 + b"}")["a"] == pytest.approx(1 / 3)


def test_unclosed_quotes_take_linear_time() -> None:
    assert refusal(b'{"a": Inf, "' + b'\\"' * 200_000).startswith("JSON Parse error: ")


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
@example(b'{"instances": [[[[1]]]]}')
@example(b'{"instances": [{"b64": 1}], "signature_name": "\xed\xa0\x80"}')
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    _read_or_refuse(body)


_PIECES = st.sampled_from(
    ["{", "}", "[", "]", ",", ":", '"', '"instances"', '"inputs"', '"b64"', '"x"', "1", "1.5", "-", "1e9", "NaN", "Inf",
     "true", "null", " ", "\\u", "\\ud800", "é", "0", "9" * 30]
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.lists(_PIECES, max_size=30).map("".join))
def test_anything_like_json_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text.encode())
    _read_or_refuse(f'{{"instances": {text}}}'.encode())


def _read_or_refuse(body: bytes) -> None:
    for dtype in ("float", "int64", "string", "bool"):
        try:
            inputs(parse_object(body), signature({"x": dtype}))
        except (ServingError, UnicodeEncodeError):
            continue
