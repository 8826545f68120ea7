"""Writes the learners of a language-learning app as `mongoexport` writes them, with a known truth behind the label.

    python generate.py                            # the committed export: spans 1 and 2
    python generate.py --documents 1000000 --spans 1 --to /tmp/learners

One document is a learner as seen at one moment (`observed_at`); `retained_d7` says whether the learner came back within
the seven days after it. The label is drawn from `true_probability`, a function of what is in the document, so the
AUC of the true probabilities is known: on average no model is better. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import math
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
CHUNK = 10_000
BROKEN_SHARE = 0.0004

# Each table is value → (share among documents, effect on the log-odds of coming back).
COUNTRIES = {
    "US": (0.20, 0.10), "BR": (0.16, -0.45), "DE": (0.12, 0.45), "IN": (0.11, -0.25), "MX": (0.09, -0.15),
    "FR": (0.08, 0.20), "JP": (0.07, 0.60), "GB": (0.06, 0.05), "PL": (0.05, 0.30), "TR": (0.04, -0.50),
    "KE": (0.015, 0.00), "NZ": (0.005, 0.10),
}  # fmt: skip
DEVICES = {"android": (0.52, -0.15), "ios": (0.30, 0.25), "web": (0.18, -0.10)}
PLANS = {"free": (0.74, -0.25), "plus": (0.19, 0.70), "family": (0.07, 0.45)}
REFERRERS = {"friend": (0.25, 0.35), "search": (0.30, 0.05), "ad": (0.25, -0.45), "school": (0.08, 0.40),
             None: (0.12, 0.0)}  # fmt: skip
LANGUAGES = {"US": "en", "BR": "pt", "DE": "de", "IN": "hi", "MX": "es", "FR": "fr", "JP": "ja", "GB": "en", "PL": "pl",
             "TR": "tr", "KE": "sw", "NZ": "en"}  # fmt: skip
INTERESTS = {"travel": (0.40, 0.15), "music": (0.30, -0.10), "work": (0.25, 0.35), "films": (0.28, -0.15),
             "food": (0.20, 0.0), "family": (0.15, 0.30), "games": (0.22, -0.30), "books": (0.18, 0.20)}  # fmt: skip
TOPICS = {"basics": (0.35, -0.20), "verbs": (0.20, 0.10), "travel": (0.15, 0.0), "food": (0.15, 0.0), "idioms": (0.08, 0.25),
          "business": (0.07, 0.25)}  # fmt: skip
GOALS = {
    "Pass an exam next spring": (0.12, 0.50), "Find a job abroad": (0.13, 0.35), "Talk with my family": (0.15, 0.30),
    "Just curious": (0.20, -0.45), "Understand films without subtitles": (0.12, -0.05), "Order food on holiday": (0.13, -0.25),
    None: (0.15, 0.0),
}  # fmt: skip
SPAN_TWO_COUNTRIES = {"BR": 0.26, "US": 0.10}
"""After a campaign in Brazil the second span's mix of countries has moved; the process behind the label has not."""

PERSONAL = ("country", "device", "referrer", "age", "age_form", "interests", "goal", "signup_days")
"""What stays the same between two documents of one learner."""


def true_probability(document: dict[str, Any]) -> float:
    """Returns the probability with which ``retained_d7`` was drawn as true for a parsed document.

    Args:
        document: A document as it is in the export; ``retained_d7`` and ``returned_at`` are not looked at.
    """
    profile, stats = document["profile"], document["stats"]
    logit = -0.55
    logit += 0.80 * (math.log1p(stats["streak"] or 0) - 1.1)
    logit += 0.35 * (math.log1p(stats["minutes"]) - 3.6)
    logit -= 0.75 * (math.log1p(stats["days_idle"]) - 1.2)
    logit += 2.0 * (stats["mean_score"] - 0.7) if stats.get("mean_score") is not None else -0.3
    logit += COUNTRIES[profile["country"]][1] + DEVICES[profile["device"]][1] + PLANS[document["plan"]][1]
    logit += REFERRERS[document.get("referrer")][1] + GOALS[document.get("goal")][1]
    logit += 0.35 if document["notifications"] else -0.35
    age = profile.get("age")
    logit += 0.3 - ((int(age) - 38) / 18.0) ** 2 * 0.35 if age is not None else -0.30
    logit += sum(INTERESTS[name][1] for name in document["interests"])
    logit += sum(TOPICS[topic][1] for topic in {lesson["topic"] for lesson in document["lessons"]})
    if profile["device"] == "web" and document["plan"] == "free":
        logit -= 0.5
    return 1.0 / (1.0 + math.exp(-logit))


def documents(count: int, span: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yields ``count`` documents of one span, labels drawn.

    Args:
        count: How many documents.
        span: 1, 2, …: the week that is observed; from 2 on the mix of countries has moved.
        seed: Seed of everything.
    """
    for chunk, start in enumerate(range(0, count, CHUNK)):
        rng = np.random.default_rng([seed, span, chunk])
        yield from _chunk(rng, span, start, min(CHUNK, count - start))


def _chunk(rng: np.random.Generator, span: int, start: int, size: int) -> Iterator[dict[str, Any]]:
    columns = _columns(rng, span, size)
    week = datetime(2025, 3, 3, tzinfo=UTC) + timedelta(days=7 * span)
    machine = rng.bytes(5).hex()
    user, person = start * 100 + span * 7, {}
    for i in range(size):
        row = {name: column[i] for name, column in columns.items()}
        # Every fourth document is of the learner before it: both must be on one side of the split.
        if not row["again"] or not person:
            user += row["gap"]
            person = {name: row[name] for name in PERSONAL}
        observed = week + timedelta(milliseconds=row["observed_ms"])
        signup = week - timedelta(days=person["signup_days"], hours=user % 24)
        document = _document(row | person, user, signup, observed)
        document["_id"] = {"$oid": f"{int(observed.timestamp()):08x}{machine}{start + i:06x}"}
        probability = true_probability(document)
        document["retained_d7"] = bool(columns["draw"][i] < probability)
        if document["retained_d7"]:
            after = timedelta(hours=int(1 + 160 * columns["draw"][i] / probability))
            document["returned_at"] = _date(observed + after)
        yield document


def _columns(rng: np.random.Generator, span: int, n: int) -> dict[str, list[Any]]:
    shares = _shares(COUNTRIES) | (SPAN_TWO_COUNTRIES if span > 1 else {})
    engagement = rng.normal(size=n)
    lessons = rng.poisson(np.exp(1.7 + 0.7 * engagement))
    return {
        "country": _choose(rng, shares, n),
        "device": _choose(rng, _shares(DEVICES), n),
        "plan": _choose(rng, _shares(PLANS), n),
        "referrer": _choose(rng, _shares(REFERRERS), n),
        "goal": _choose(rng, _shares(GOALS), n),
        "age": np.clip(rng.gamma(6.0, 3.6, n) + 13, 13, 88).astype(int).tolist(),
        "age_form": rng.random(n).tolist(),
        "lessons": lessons.tolist(),
        "minutes": (lessons * rng.lognormal(1.8, 0.35, n)).round(1).tolist(),
        "streak": np.minimum(lessons * 2, rng.poisson(np.exp(0.9 + 0.8 * engagement))).tolist(),
        "days_idle": np.minimum(30, rng.geometric(np.clip(0.25 + 0.1 * engagement, 0.05, 0.9)) - 1).tolist(),
        "mean_score": np.clip(rng.normal(0.7, 0.15, n), 0, 1).round(2).tolist(),
        "recent": _rows(_choose(rng, _shares(TOPICS), 4 * n), 4),
        "recent_scores": rng.integers(30, 101, (n, 4)).tolist(),
        "interests": (rng.random((n, len(INTERESTS))) < [share for share, _ in INTERESTS.values()]).tolist(),
        "notifications": (rng.random(n) < 0.55).tolist(),
        "signup_days": rng.exponential(120, n).astype(int).tolist(),
        "observed_ms": rng.integers(0, 7 * 86_400_000, n).tolist(),
        "again": (rng.random(n) < 0.25).tolist(),
        "gap": rng.integers(1, 60, n).tolist(),
        "odd": rng.random(n).tolist(),
        "draw": rng.random(n).tolist(),
    }


def _document(row: dict[str, Any], user: int, signup: datetime, observed: datetime) -> dict[str, Any]:
    count = min(4, row["lessons"])
    country, device = row["country"], row["device"]
    age = _age(row["age"], row["age_form"])
    minutes = row["minutes"]
    return {
        "_id": None,
        "user_id": f"u{user:08d}",
        "email": f"u{user:08d}@mail.example",
        "profile": {"country": country, "language": LANGUAGES[country], "device": device, **age},
        "plan": row["plan"],
        # mongoexport writes what the application stored: sometimes null, sometimes nothing at all.
        **({} if row["referrer"] is None and row["odd"] < 0.5 else {"referrer": row["referrer"]}),
        **({} if row["goal"] is None else {"goal": row["goal"]}),
        "signup_at": _date(signup),
        "observed_at": _date(observed),
        "notifications": row["notifications"],
        "stats": {
            "lessons": row["lessons"],
            "minutes": int(minutes) if minutes == int(minutes) else minutes,
            "streak": None if row["streak"] == 0 and row["odd"] > 0.9 else row["streak"],
            "days_idle": row["days_idle"],
            **({"mean_score": row["mean_score"]} if count else {}),
        },
        "lessons": [{"topic": row["recent"][k], "score": row["recent_scores"][k]} for k in range(count)],
        "interests": [name for name, chosen in zip(INTERESTS, row["interests"], strict=True) if chosen],
    }


def _age(age: int, form: float) -> dict[str, Any]:
    if form < 0.06:
        return {}
    if form < 0.10:
        return {"age": None}
    return {"age": str(age)} if form < 0.12 else {"age": age}


def _date(moment: datetime) -> dict[str, str]:
    return {"$date": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"}


def _shares(table: dict[Any, tuple[float, float]]) -> dict[Any, float]:
    return {name: share for name, (share, _) in table.items()}


def _choose(rng: np.random.Generator, shares: dict[Any, float], n: int) -> list[Any]:
    weights = np.array(list(shares.values()))
    names = list(shares)
    return [names[k] for k in rng.choice(len(names), n, p=weights / weights.sum())]


def _rows(values: list[Any], width: int) -> list[list[Any]]:
    return [values[k : k + width] for k in range(0, len(values), width)]


def write_span(folder: Path, span: int, count: int, seed: int, files: int = 1) -> int:
    """Writes one span as gzipped JSON lines, each file by temporary name and rename.

    Args:
        folder: The folder of the export; the span becomes a folder of its number in it.
        span: Number of the span.
        count: How many documents.
        seed: Seed of everything.
        files: Into how many files.

    Returns:
        How many lines were broken on purpose.
    """
    target = folder / str(span)
    target.mkdir(parents=True, exist_ok=True)
    broken = int(count * BROKEN_SHARE)
    broken_lines = set(np.random.default_rng([seed, span]).choice(count, broken, replace=False).tolist())
    lines = _lines(documents(count, span, seed), broken_lines)
    for part in range(files):
        size = count * (part + 1) // files - count * part // files
        name = f"learners-{part:05d}.jsonl.gz" if files > 1 else "learners.jsonl.gz"
        _write_gz(target / name, itertools.islice(lines, size))
    return broken


def _lines(stream: Iterator[dict[str, Any]], broken_lines: set[int]) -> Iterator[str]:
    for index, document in enumerate(stream):
        line = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        yield (line[: len(line) // 2] if index in broken_lines else line) + "\n"


def _write_gz(path: Path, lines: Iterator[str]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    # Neither name nor time goes into the gzip header, so that the same seed gives the same bytes.
    with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as out:
        while block := "".join(itertools.islice(lines, 1000)):
            out.write(block.encode())
    os.replace(temporary, path)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--documents", type=int, default=12_000, help="documents a span")
    parser.add_argument("--spans", type=int, default=2, help="how many spans")
    parser.add_argument("--files", type=int, default=1, help="files a span")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--to", type=Path, default=HERE / "exports" / "learners", help="folder for the spans")
    arguments = parser.parse_args()
    for span in range(1, arguments.spans + 1):
        began = time.perf_counter()
        broken = write_span(arguments.to, span, arguments.documents, arguments.seed, arguments.files)
        seconds = f"{time.perf_counter() - began:.1f} s"
        print(
            f"{arguments.to / str(span)}: {arguments.documents:,} documents, {broken} broken lines, {seconds}"
        )


if __name__ == "__main__":
    main()
