"""The detector of personal data against labelled values and made-up columns, with what it costs.

Usage: ``python benchmarks/statistics/personal.py [--before REVISION]``, the revision being one whose
``foundation/personal.py`` is to be compared with. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import time
import types
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import phonenumbers
from phonenumbers import PhoneNumberFormat as Form

from foundation.personal.looks import look_of, looks_of

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "personal"
COLUMN = 200
"""Values of a made-up column."""
SUSPECTED = 0.02
"""Share of the values from which ``penstock look`` names a column."""
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "goes",
    "home",
    "to",
    "write",
    "letters",
    "about",
    "summer",
    "in",
    "berlin",
]

Look = Callable[[str, str], "str | None"]


def cases(name: str) -> list[dict[str, str]]:
    with (CASES / name).open(encoding="utf-8", newline="") as file:
        return [{**row, "text": row["text"].replace("~", "")} for row in csv.DictReader(file, delimiter="\t")]


def older(revision: str) -> types.ModuleType:
    """Returns the detector of an older revision, which knew no names of fields."""
    source = subprocess.run(
        ["git", "show", f"{revision}:foundation/personal.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    module = types.ModuleType("older")
    exec(source.stdout, vars(module))
    return module


def labelled(looks: dict[str, Look]) -> None:
    rows = cases("positives.tsv")
    print(f"| kind | values | {' | '.join(f'found {name}' for name in looks)} |")
    print("|---|---|" + "---|" * len(looks))
    for which in ("known", "held-out"):
        of = [row for row in rows if row["set"] == which]
        kinds = list(dict.fromkeys(row["kind"] for row in of))
        groups = (
            [(kind, [row for row in of if row["kind"] == kind]) for kind in kinds] if which == "known" else []
        )
        for kind, group in [*groups, (f"**all, {which}**", of)]:
            right = [
                sum(look(row["text"], row["path"]) == row["kind"] for row in group) for look in looks.values()
            ]
            print(f"| {kind} | {len(group)} | {' | '.join(f'{n} ({n / len(group):.0%})' for n in right)} |")
    print(f"\n| hard negatives | values | {' | '.join(f'alarms {name}' for name in looks)} |")
    print("|---|---|" + "---|" * len(looks))
    nearly = cases("negatives.tsv")
    for which in ("known", "held-out"):
        group = [row for row in nearly if row["set"] == which]
        wrong = [sum(look(row["text"], row["path"]) is not None for row in group) for look in looks.values()]
        print(f"| {which} | {len(group)} | {' | '.join(f'{n} ({n / len(group):.0%})' for n in wrong)} |")


def columns(rng: np.random.Generator) -> dict[str, list[str]]:
    """Returns columns of values that are nothing personal."""
    whole, many = rng.integers, range(COLUMN)
    return {
        "16-digit ids": [str(whole(10**15, 10**16)) for _ in many],
        "18-digit ids": [str(whole(10**17, 9 * 10**17)) for _ in many],
        "13-digit EANs": [f"4{whole(10**11, 10**12)}" for _ in many],
        "10-digit ids, padded": [f"{whole(1, 10**7):010d}" for _ in many],
        "9-digit ids": [f"{whole(1, 10**9):09d}" for _ in many],
        "versions of four parts": [".".join(map(str, whole(0, (20, 10, 30, 10)))) for _ in many],
        "signed decimals": [f"{v:+.6f}" for v in rng.normal(size=COLUMN) * 100],
        "coordinates": [f"{a:.5f}, {b:.5f}" for a, b in rng.uniform(-90, 90, (COLUMN, 2))],
        "order numbers": [f"{whole(100, 1000)}-{whole(10**6, 10**7)}-{whole(10**6, 10**7)}" for _ in many],
        "codes of 3-2-3": [f"{whole(100, 1000)}-{whole(10, 100)}-{whole(100, 1000)}" for _ in many],
        "timestamps": [
            f"20{whole(10, 26)}-0{whole(1, 10)}-{whole(10, 29)} {whole(10, 24)}:{whole(10, 60)}" for _ in many
        ],
        "hex of 32": [rng.bytes(16).hex() for _ in many],
        "UUIDs": [str(uuid.UUID(bytes=rng.bytes(16))) for _ in many],
        "colours": [f"#{rng.bytes(3).hex()}" for _ in many],
        "prices": [f"{whole(1, 9)} {whole(100, 999)},{whole(10, 99)} EUR" for _ in many],
        "sentences": [" ".join(rng.choice(WORDS, 20)) for _ in many],
        "paths of a server": [
            f"/shop/{rng.choice(WORDS)}/{whole(10**5, 10**6)}?page={whole(1, 99)}" for _ in many
        ],
    }


def alarms(counts: dict[str, Callable[[list[str]], Counter[str]]], runs: int = 40) -> None:
    rng = np.random.default_rng(0)
    wrong: dict[str, Counter[str]] = {name: Counter() for name in counts}
    for _ in range(runs):
        for column, values in columns(rng).items():
            for name, count in counts.items():
                wrong[name][column] += max(count(values).values(), default=0) >= SUSPECTED * COLUMN
    print(
        f"\n| columns of {COLUMN} values, {runs} of each | {' | '.join(f'named {name}' for name in counts)} |"
    )
    print("|---|" + "---|" * len(counts))
    for column in columns(rng):
        print(f"| {column} | {' | '.join(f'{wrong[name][column] / runs:.0%}' for name in counts)} |")


def phones(looks: dict[str, Look]) -> None:
    """Prints the recall on the example number of each region that the library knows."""
    examples = [phonenumbers.example_number(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    print(
        f"\n| example numbers of {len(examples)} regions | {' | '.join(f'found {name}' for name in looks)} |"
    )
    print("|---|" + "---|" * len(looks))
    for title, form in (("+49 30 123456", Form.INTERNATIONAL), ("+4930123456", Form.E164)):
        texts = [phonenumbers.format_number(number, form) for number in examples if number]
        found = [sum(look(text, "") == "phone number" for text in texts) for look in looks.values()]
        print(f"| as {title} | {' | '.join(f'{n / len(texts):.0%}' for n in found)} |")


def cost(looks: dict[str, Look]) -> None:
    rng = np.random.default_rng(1)
    texts = {
        **{
            name: values
            for name, values in columns(rng).items()
            if name in ("16-digit ids", "UUIDs", "sentences", "paths of a server", "timestamps")
        },
        "words": [str(word) for word in rng.choice(WORDS, COLUMN)],
        "1,900 characters": [" ".join(rng.choice(WORDS, 380)) for _ in range(COLUMN)],
        "10,000 characters": [" ".join(rng.choice(WORDS, 2000)) for _ in range(COLUMN // 4)],
        "e-mails": [f"{rng.choice(WORDS)}{n}@example.org" for n in range(COLUMN)],
        "phone numbers": [f"+49 170 {rng.integers(10**6, 10**7)}" for _ in range(COLUMN)],
    }
    print(f"\n| µs for a value | {' | '.join(looks)} |")
    print("|---|" + "---|" * len(looks))
    for name, values in texts.items():
        spent = []
        for look in looks.values():
            best = float("inf")
            for _ in range(5):
                begin = time.perf_counter()
                for value in values:
                    look(value, "")
                best = min(best, time.perf_counter() - begin)
            spent.append(f"{best / len(values) * 1e6:.1f}")
        print(f"| {name} | {' | '.join(spent)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", help="a revision with foundation/personal.py")
    before = parser.parse_args().before
    looks: dict[str, Look] = {"now": look_of}
    counts: dict[str, Callable[[list[str]], Counter[str]]] = {"now": looks_of}
    if before:
        old = older(before)
        looks = {"before": lambda text, path: old.look_of(text), **looks}
        counts = {"before": old.looks_of, **counts}
    labelled(looks)
    alarms(counts)
    phones(looks)
    cost(looks)


if __name__ == "__main__":
    main()
