"""What looks like personal data, and what only nearly does: labelled values of ``tests/cases/personal``."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stdnum import luhn

from foundation.personal.looks import look_of, looks_of

CASES = Path(__file__).parents[2] / "cases" / "personal"


def cases(name: str, which: str) -> list[dict[str, str]]:
    """Reads labelled values; a tilde keeps scanners from taking made-up tokens for real ones."""
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["set"] == which]
    return [{**row, "text": row["text"].replace("~", "")} for row in rows]


def shown(case: dict[str, str]) -> str:
    return f"{case.get('kind') or case.get('why')}-{case['path']}-{case['text'][-40:]}"


@pytest.mark.parametrize("case", cases("positives.tsv", "known"), ids=shown)
def test_a_personal_value_is_seen(case: dict[str, str]) -> None:
    assert look_of(case["text"], case["path"]) == case["kind"]


@pytest.mark.parametrize("case", cases("negatives.tsv", "known"), ids=shown)
def test_what_is_nearly_one_is_not(case: dict[str, str]) -> None:
    assert look_of(case["text"], case["path"]) is None


def test_values_that_nothing_was_tuned_on_are_told_apart_as_well() -> None:
    there, nearly = cases("positives.tsv", "held-out"), cases("negatives.tsv", "held-out")
    assert min(len(there), len(nearly)) >= 80
    assert sum(look_of(c["text"], c["path"]) == c["kind"] for c in there) >= 0.95 * len(there)
    assert sum(look_of(c["text"], c["path"]) is not None for c in nearly) <= 0.03 * len(nearly)


def test_kinds_are_counted() -> None:
    assert looks_of(["a@b.de", "x", "c@d.org", "(1" * 100_000]) == {"e-mail": 2}


@pytest.mark.parametrize("before", [2_500, 19_995, 60_000])
def test_an_email_is_seen_wherever_it_stands(before: int) -> None:
    assert look_of("word " * (before // 5) + "ada@example.org" + " word" * 1000) == "e-mail"


def test_check_digits_that_are_right_by_chance_are_no_suspicion() -> None:
    rng = np.random.default_rng(3)
    ids = [str(n) for n in rng.integers(4 * 10**15, 5 * 10**15, 400)]
    assert any(map(look_of, ids))
    assert looks_of(ids) == {}
    cards = [number[:-1] + luhn.calc_check_digit(number[:-1]) for number in ids]
    assert looks_of(cards) == {"card number": 400}


def test_versions_of_which_some_look_like_addresses_are_no_suspicion() -> None:
    versions = [f"{n % 20}.{n % 7}.{n % 30}.{n % 11}" for n in range(400)]
    assert "10.3.10.10" in versions and look_of("10.3.10.10") == "IP address"
    assert looks_of(versions) == {}
    assert looks_of([f"10.20.{n}.40" for n in range(200)]) == {"IP address": 200}


def test_the_libraries_are_read_only_when_a_value_looks_like_it() -> None:
    code = (
        "import sys; from foundation.personal.looks import looks_of\n"
        "plain = ['Berlin', 'a1b2c3d4', '2024-02-29T10:00:00Z', '52.52', '507f1f77bcf86cd799439011', '1709251200000']\n"
        "assert not looks_of(plain) and not {'phonenumbers', 'stdnum'} & sys.modules.keys()\n"
        "assert looks_of(['0171/2345678']) and 'phonenumbers' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
