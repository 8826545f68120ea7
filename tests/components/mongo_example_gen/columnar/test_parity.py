"""The columnar and the one-by-one path give the same rows, the same misfits, the same bad documents."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports.fields import FieldConfig
from components.exports.formats.base import Block
from components.exports.tally import kinds_of
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.fitting import Shapes
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, make_plan, settle_types

TYPES = ("int", "float", "string", "bool", "date", "bytes", "objectid_time", None)
oids = st.integers(0, 2**96 - 1).map(lambda n: {"$oid": f"{n:024x}"})
dates = st.sampled_from(
    ["2024-02-29T10:00:00Z", "1969-12-31T23:59:59.9Z", "2024-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "x"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "12", "-3.5", "abc", "true", "2024-01-01T00:00:00Z", "ünï", "null", 5.0, 2.5, 1e39, -(2**63)]
    ),
    oids,
    dates.map(lambda text: {"$date": text}),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: {"$date": {"$numberLong": str(n)}}),
    st.integers(-(2**33), 2**33).map(lambda n: {"$numberInt": str(n)}),
    st.integers(-(2**64), 2**64).map(lambda n: {"$numberLong": str(n)}),
    st.sampled_from(["1.5", "NaN", "-Infinity", "1E-06", "5.0", "x", "1e400"]).map(
        lambda text: {"$numberDouble": text}
    ),
    st.sampled_from(["1.5", "3", "1E+6000", "NaN"]).map(lambda text: {"$numberDecimal": text}),
    st.sampled_from(
        [{"$oid": "a" * 24, "x": 1}, {"x": 1, "$date": 5}, {}, {"x": 1}, {"$minKey": 1}, {"$date": 5}]
    ),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.lists(st.lists(scalars, max_size=2), max_size=2)
)
leaves = st.dictionaries(st.sampled_from(["s", "t"]), values, max_size=2)
documents = st.fixed_dictionaries(
    {},
    optional={
        "_id": st.one_of(oids, st.text(max_size=3), st.integers(-3, 2**63), st.none()),
        "a": values,
        "b": st.one_of(
            leaves, st.none(), scalars, st.lists(st.one_of(leaves, st.none(), scalars), max_size=3)
        ),
        "k": scalars,
        "unnamed": values,
    },
)


def _convert(
    lines: list[bytes], plan: Plan, columnar: bool, shapes: Shapes | None = None
) -> tuple[dict[str, Any], Counter[Any], list[Any]]:
    tally: Counter[Any] = Counter()
    rows, bad = convert_block(Block(lines, 0), "jsonl", plan, tally, columnar, shapes)
    by_id: dict[str, Any] = {}
    for batch in rows:
        listed = {name: array.to_pylist() for name, array in batch.columns.items()}
        for place, identity in enumerate(batch.ids):
            cells = {name: _plain(cells[place]) for name, cells in listed.items()}
            by_id.setdefault(identity, []).append((batch.keys[place], cells))
    tally.pop(("documents", "converted one by one"), None)
    return by_id, +tally, sorted(bad)


def _plain(cell: Any) -> Any:
    return cell if cell is None else [("nan" if isinstance(v, float) and math.isnan(v) else v) for v in cell]


def _plan(types: dict[str, str | None]) -> Plan:
    config = DataConfig.model_validate({"mongo_export": "x", "label": "y", "split": {"by": "k"}})
    return make_plan(config, {path: FieldConfig(type=kind) for path, kind in types.items()}, labelled=False)


def _assert_same(lines: list[bytes], plan: Plan, shapes: Shapes | None = None) -> None:
    fast, fast_tally, fast_bad = _convert(lines, plan, columnar=True, shapes=shapes)
    slow, slow_tally, slow_bad = _convert(lines, plan, columnar=False)
    assert fast_bad == slow_bad
    assert {k: sorted(v, key=repr) for k, v in fast.items()} == {
        k: sorted(v, key=repr) for k, v in slow.items()
    }
    assert _without_kinds(fast_tally) == _without_kinds(slow_tally)
    assert settle_types(plan, kinds_of(fast_tally)) == settle_types(plan, kinds_of(slow_tally))


def _without_kinds(tally: Counter[Any]) -> dict[Any, int]:
    """Whole columns of numbers are not told apart into int and float; the types that follow have to be the same."""
    return {key: times for key, times in tally.items() if key[0] != "kinds"}


@settings(max_examples=400, deadline=None)
@given(
    usual=documents,
    odd=st.lists(documents, max_size=4),
    times=st.integers(1, 60),
    types=st.fixed_dictionaries({path: st.sampled_from(TYPES) for path in ("a", "b.s", "b.t")}),
)
def test_both_paths_agree_on_any_documents(
    usual: Any, odd: list[Any], times: int, types: dict[str, str | None]
) -> None:
    lines = [json.dumps(d, separators=(",", ":"), ensure_ascii=False).encode() for d in [usual] * times + odd]
    plan = _plan(types)
    tally: Counter[Any] = Counter()
    convert_block(Block(lines, 0), "jsonl", plan, tally, columnar=False)
    _assert_same(lines, settle_types(plan, kinds_of(tally)))


@settings(max_examples=200, deadline=None)
@given(
    blocks=st.lists(st.lists(documents, min_size=8, max_size=30), min_size=1, max_size=3),
    types=st.fixed_dictionaries({path: st.sampled_from(TYPES) for path in ("a", "b.s", "b.t")}),
)
def test_both_paths_agree_where_no_document_is_like_another_and_blocks_teach_the_next(
    blocks: list[list[Any]], types: dict[str, str | None]
) -> None:
    lines = [[json.dumps(d, ensure_ascii=False).encode() for d in block] for block in blocks]
    plan, tally, shapes = _plan(types), Counter[Any](), Shapes()
    for block in lines:
        convert_block(Block(block, 0), "jsonl", plan, tally, columnar=False)
    for block in lines:
        _assert_same(block, settle_types(plan, kinds_of(tally)), shapes)


GOOD = b'{"_id":1,"a":5,"b":{"s":2}}'


def _wide(odd: Callable[[int, int], str], columns: int, rows: int) -> list[bytes]:
    """Returns documents whose fields are odd(row, column)."""
    fields = ((",".join(f'"f{c}":{odd(r, c)}' for c in range(columns))) for r in range(rows))
    return [f'{{"_id":{row},{text}}}'.encode() for row, text in enumerate(fields)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            lambda r, c: "7" if (r * 7 + c * 3) % 10 else '"7.5"', id="numbers, some of them as text"
        ),
        pytest.param(lambda r, c: f'"{r}"' if c % 4 == 0 else str(r), id="a column of numbers as text"),
        pytest.param(lambda r, c: '{"$date":"x"}' if r == 400 and c == 3 else "1.5", id="one malformed"),
        pytest.param(lambda r, c: '"n/a"' if r % 60 == c else str(r), id="each column seldom odd"),
    ],
)
def test_odd_values_cost_their_columns_and_not_the_documents(value: Callable[[int, int], str]) -> None:
    lines, plan = _wide(value, 40, 600), _plan({f"f{column}": "float" for column in range(40)})
    shapes, tally = Shapes(), Counter[Any]()
    for _ in range(2):
        tally.clear()
        convert_block(Block(lines, 0), "jsonl", plan, tally, shapes=shapes)
    assert tally["documents", "converted one by one"] <= 60
    _assert_same(lines, plan, shapes)


@pytest.mark.parametrize(
    "line",
    [
        b"broken",
        b'{"_id":1',
        b'{"_id":1}}',
        b'{"_id":1} {"_id":2}',
        b"[1]",
        b"3",
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":1,}',
        b'{"_id":1,"x":"\xff"}',
        b'{"_id":1,"x":"\\ud800"}',
        b'{"_id":1,"x":"a\tb"}',
        b'{"_id":1,"a":1,"a":2}',
        b'{"_id":1,"x":1e400}',
        b'{"_id":1,"a":1e400}',
        b'{"_id":1,"a":99999999999999999999999}',
        b'{"a":7}',
        b'{"_id":null}',
        b'{"_id":{"$oid":"zz"}}',
        b'{"_id":{"$oid":"' + b"a" * 24 + b'","x":1}}',
        b'{"_id":1,"b":3}',
        b'{"_id":1,"b":[3,{}]}',
        b'{"_id":1,"b":[null,null]}',
        b'\xef\xbb\xbf{"_id":1}',
        b'{"_id":1}\r',
        b' {"_id":1}',
        b'{"_id":1,"x":' + b"[" * 300 + b"]" * 300 + b"}",
    ],
    ids=lambda line: line[:40].decode("latin-1"),
)
def test_both_paths_agree_on_one_odd_line(line: bytes) -> None:
    _assert_same([GOOD] * 20 + [line] + [GOOD] * 20 + [b"", line], _plan({"a": "int", "b.s": "int"}))


def test_misfits_become_missing_and_are_counted() -> None:
    lines = [GOOD] * 30 + [b'{"_id":"x","a":"abc"}', b'{"_id":"y","a":2.5}', b'{"_id":"z","a":"12"}']
    rows, tally, bad = _convert(lines, _plan({"a": "int"}), columnar=True)
    assert not bad
    assert [rows[i][0][1]["a"] for i in "xyz"] == [None, None, [12]]
    assert tally["misfits", "a", "string in a int field"] == 1
    assert tally["misfits", "a", "fraction in an int field"] == 1
    assert tally["fields", "a", "read from text"] == 1


def test_clean_documents_take_the_columnar_path() -> None:
    tally: Counter[Any] = Counter()
    convert_block(Block([GOOD] * 50, 0), "jsonl", _plan({"a": "int", "b.s": "float"}), tally)
    assert tally["documents", "converted one by one"] == 0


@pytest.mark.parametrize("form", ["%d.0", '{"$numberDouble":"%d.0"}', "%d.0E0"])
def test_whole_doubles_as_keys_take_the_columnar_path(form: str) -> None:
    lines = [('{"_id":%s,"k":%s}' % (form, form) % (i, i + 7)).encode() for i in range(-20, 200)]  # noqa: UP031
    tally: Counter[Any] = Counter()
    rows, _ = convert_block(Block(lines, 0), "jsonl", _plan({}), tally)
    assert [(i, k) for batch in rows for i, k in zip(batch.ids, batch.keys, strict=True)] == [
        (str(i), str(i + 7)) for i in range(-20, 200)
    ]
    assert tally["documents", "converted one by one"] == 0
    _assert_same([*lines, b'{"_id":0.5,"k":9007199254740993}', b'{"_id":-0.0,"k":1e300}'], _plan({}))


def test_a_period_in_the_export_does_not_mislead_the_sample() -> None:
    lines = [b'{"_id":%d}' % i if i % 5 == 0 else b'{"_id":%d,"a":5}' % i for i in range(1700)]
    tally: Counter[Any] = Counter()
    convert_block(Block(lines, 0), "jsonl", _plan({"a": "int"}), tally)
    assert tally["documents", "converted one by one"] == 0


def test_only_the_odd_documents_of_a_block_are_converted_one_by_one() -> None:
    lines = [GOOD] * 900
    lines[100], lines[500], lines[899] = b"broken", b'{"_id":2,"a":"x"}', b'{"_id":3,"a":5.5}'
    tally: Counter[Any] = Counter()
    rows, bad = convert_block(Block(lines, 0), "jsonl", _plan({"a": "int"}), tally)
    assert (sum(map(len, rows)), bad) == (899, [(100, "not JSON")])
    assert tally["documents", "converted one by one"] <= 2 + 16


def test_columns_have_the_types_that_the_encoder_takes() -> None:
    rows, _ = convert_block(Block([GOOD] * 3, 0), "jsonl", _plan({"a": "string", "b.s": "float"}), Counter())
    types = {array.type for array in rows[0].record_batch().columns}
    assert types == {pa.list_(pa.large_binary()), pa.list_(pa.float32())}


@pytest.mark.parametrize("items", [1, 2, 5])
def test_both_paths_agree_where_all_items_of_all_documents_are_null(items: int) -> None:
    line = json.dumps({"_id": 1, "b": [None] * items}).encode()
    _assert_same([line] * 3, _plan({"a": "int", "b.s": "int"}))
