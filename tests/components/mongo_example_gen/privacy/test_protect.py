"""The privacy policy on columns: the same on both ways of conversion, as on single values, and never on split keys."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports.fields import FieldConfig
from components.exports.formats.base import Block
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.plan import Plan, make_plan
from components.mongo_example_gen.privacy.protect import Door, check_rules
from components.mongo_example_gen.privacy.report import privacy_section
from components.mongo_example_gen.result import Ingestion
from foundation.errors import DataError
from foundation.privacy import PrivacyConfig, protect

KEY = "0123456789abcdef0123456789abcdef"
TYPES = {
    "mail": "string",
    "ip": "string",
    "user": "int",
    "age": "int",
    "score": "float",
    "at": "date",
    "tags": "string",
}
RULES = {
    "mail": {"truncate": "email"},
    "ip": {"truncate": "ip"},
    "user": "hash",
    "age": {"generalise": [18, 65]},
    "score": {"generalise": 0.5},
    "at": {"generalise": "month"},
    "tags": {"truncate": 2},
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PRIVACY_KEY", KEY)


def _plan(rules: dict[str, Any], types: dict[str, str] = TYPES, **privacy: Any) -> Plan:
    config = DataConfig.model_validate(
        {"mongo_export": "x", "label": "y", "privacy": {"rules": rules, **privacy}}
    )
    return make_plan(
        config, {name: FieldConfig.model_validate({"type": kind}) for name, kind in types.items()}, False
    )


def _rows(documents: list[dict[str, Any]], plan: Plan, tally: Tally, columnar: bool = True) -> list[Rows]:
    block = Block([json.dumps(d).encode() for d in documents], 0)
    return convert_block(block, "jsonl", plan, tally, columnar)[0]


def _values(documents: list[dict[str, Any]], plan: Plan, columnar: bool = True) -> dict[str, dict[str, Any]]:
    """Returns id → feature → values, None where a feature is missing."""
    tally: Tally = Counter()
    door = Door(plan, tally)
    found: dict[str, dict[str, Any]] = {}
    for rows in _rows(documents, plan, tally, columnar):
        safe = door.pass_through(rows)
        columns = {name: column.to_pylist() for name, column in safe.columns.items()}
        found |= {i: {name: c[n] for name, c in columns.items()} for n, i in enumerate(safe.ids)}
    return found


documents = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "mail": st.sampled_from(["ada@example.org", "B@x.de", "nobody", ""]),
            "ip": st.sampled_from(["10.1.2.3", "2001:db8::1", "x"]),
            "user": st.integers(-(2**63) + 1, 2**63 - 1),
            "age": st.integers(-5, 120),
            "score": st.floats(-100, 100, width=32),
            "at": st.integers(-62_135_596_800_000, 253_402_300_799_999).map(
                lambda n: {"$date": {"$numberLong": str(n)}}
            ),
            "tags": st.lists(st.sampled_from(["äöü", "abc", "", "x"]), max_size=3),
        },
    ).map(lambda d: {k: v for k, v in d.items() if v is not None}),
    min_size=1,
    max_size=20,
)


@given(documents)
@settings(max_examples=60, deadline=None)
def test_both_ways_and_single_values_agree(found: list[dict[str, Any]]) -> None:
    found = [{"_id": f"d{n}", **document} for n, document in enumerate(found)]
    plan = _plan(RULES)
    fast, slow = _values(found, plan), _values(found, plan, columnar=False)
    assert fast == slow
    raw = _values(found, _plan({}))
    for row_id, row in raw.items():
        plain = protect(plan.privacy, KEY.encode(), {k: v for k, v in row.items() if v}, dates=["at"])
        assert {k: [i for i in v if i is not None] for k, v in plain.items()} == {
            k: [_plainly(item, k) for item in v] for k, v in fast[row_id].items() if row[k] for v in [v or []]
        }


def _plainly(item: Any, name: str) -> Any:
    return item.decode() if name == "user" else item


def test_dropped_features_are_not_written_and_ids_are_hashed() -> None:
    plan = _plan({"mail": "drop", "_id": "hash"})
    ((row_id, row),) = _values([{"_id": "ada", "mail": "a@b.de", "age": 3}], plan).items()
    assert "mail" not in row and row["age"] == [3]
    assert len(row_id) == 32 and row_id != "ada"


def test_another_key_gives_other_hashes_and_the_same_split_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, tally = _plan({"user": "hash", "_id": "hash"}), Counter()
    (rows,) = _rows([{"_id": "ada", "user": 5}], plan, tally)
    one = Door(plan, tally).pass_through(rows)
    monkeypatch.setenv("PENSTOCK_PRIVACY_KEY", KEY[::-1])
    other = Door(plan, tally).pass_through(rows)
    assert one.columns["user"] != other.columns["user"] and one.ids != other.ids
    assert one.keys == other.keys == ["ada"]


def test_what_no_rule_can_keep_is_missing_and_counted() -> None:
    plan, tally = _plan({"ip": {"truncate": "ip"}}), Counter()
    (rows,) = _rows([{"_id": "a", "ip": "secret"}, {"_id": "b", "ip": "10.1.2.3"}], plan, tally)
    safe = Door(plan, tally).pass_through(rows)
    assert safe.columns["ip"].to_pylist() == [None, [b"10.1.2.0/24"]]
    assert tally["misfits", "ip", "nothing to keep by truncate: ip"] == 1


def test_a_rule_for_another_type_is_one_clear_error() -> None:
    with pytest.raises(
        DataError, match="'score'; expected text or a whole number for hash; seen: a feature of type float"
    ):
        check_rules(_plan({"score": "hash"}))


def test_suspected_values_are_counted_by_kind_and_never_shown(tmp_path: Any) -> None:
    plan, tally = _plan({"ip": {"truncate": "ip"}}), Counter()
    found = [{"_id": f"u{n}@example.org", "mail": f"p{n}@example.org", "ip": "10.0.0.1"} for n in range(40)]
    for rows in _rows(found, plan, tally):
        Door(plan, tally).pass_through(rows)
    section = privacy_section(tally, plan, {}, tmp_path)
    assert section["suspected"] == [
        {"feature": name, "looked_at": 40, "kinds": {"e-mail": 40}} for name in ("_id", "mail")
    ]
    assert "example" not in json.dumps(section)
    assert (
        "mail may hold personal data (e-mail: 40; 40 values looked at)"
        in notices(Ingestion.from_json({"privacy": section}))[1]
    )


def test_nothing_is_checked_unless_configured() -> None:
    plan, tally = _plan({}, detect=False), Counter()
    (rows,) = _rows([{"_id": "a@b.de", "mail": "a@b.de"}], plan, tally)
    assert Door(plan, tally).pass_through(rows) is rows
    assert not any(key[0] == "suspected" for key in tally)


def test_the_key_is_in_no_plan() -> None:
    assert KEY not in repr(_plan({"user": "hash"})) and isinstance(_plan({}).privacy, PrivacyConfig)
