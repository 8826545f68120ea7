"""Names of fields are told from keys that are data."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from components.exports.names import Names, looks_like_a_name


def paths(documents: list[dict[str, Any]]) -> set[str]:
    names = Names()
    for document in documents:
        names.take(document)
    return names.paths()


PEOPLE = [
    "ada9@example.org",
    "ada9",
    "Ada Lovelace",
    "+49 170 1234567",
    "10.1.2.3",
    "5f0c8e1b2a3d4c5e6f708192",
]


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize(
    "wrap", [lambda key: {key: 1}, lambda key: [{key: {"n": 1}}], lambda key: {"x": {key: 1}}]
)
def test_keys_of_single_documents_are_no_names(person: str, wrap: Any) -> None:
    others = [{"_id": n, "by": wrap(f"user{n}"), "profile": {"country": "PT"}} for n in range(20)]
    found = paths([*others, {"_id": 99, "by": wrap(person), "profile": {"country": "PT"}}])
    assert {"_id", "by", "profile", "profile.country"} <= found
    assert not any(
        path.startswith(("by.u", "by.a", "by.A", "by.+", "by.1", "by.5", "by.x.")) for path in found
    )


def test_one_key_that_looks_like_data_makes_its_neighbours_data() -> None:
    assert paths([{"by": {"ada": 1, "bob@example.org": 2}, "n": 1}] * 50) == {"by", "n"}


def test_keys_of_the_document_itself_can_be_data() -> None:
    assert paths([{"n": 1, f"user{n}": 1} for n in range(50)]) == {"n"}


def test_leaves_of_extended_json_are_no_fields() -> None:
    assert paths([{"at": {"$date": "2026-01-01T00:00:00Z"}, "größe": 1}] * 5) == {"at", "größe"}


def test_too_few_documents_name_nothing() -> None:
    assert paths([{"ada": 1}] * 4) == set()


def test_random_keys_are_never_told() -> None:
    chance = random.Random(5)
    keys = {
        "".join(chance.choices(string.ascii_letters + string.digits + "._-@ +", k=8)) for _ in range(2000)
    }
    documents = [{"by": dict.fromkeys(chance.sample(sorted(keys), 3), 1)} for _ in range(500)]
    assert paths(documents) == {"by"}


@pytest.mark.parametrize(
    ("key", "is_name"),
    [("country", True), ("user_id", True), ("x1", True), ("größe", True), ("user-agent", True)]
    + [(key, False) for key in (*PEOPLE, "", "a.b", "12", "user12345", "deadbeefdeadbeef", "a" * 80) if key != "ada9"],
)  # fmt: skip
def test_the_look_of_a_name(key: str, is_name: bool) -> None:
    assert looks_like_a_name(key) is is_name
