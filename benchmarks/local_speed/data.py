"""The same learners twice: as mongoexport writes them, and as one flat CSV file; and rows neither side has seen.

Only scalar features, so that stock TFX can read all of them. Missing and null are an absent key or null in the first, an
empty cell in the second.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from foundation.publish import published_file
from foundation.user_code import load_function

GENERATOR = Path(__file__).resolve().parents[2] / "examples" / "learner_retention" / "generate.py"
SEED = 7
HELD_OUT_SEED = 8
HELD_OUT_ROWS = 20_000
COLUMNS = (
    "id", "country", "device", "age", "plan", "referrer", "goal", "signup_at", "notifications", "lessons", "minutes",
    "streak", "days_idle", "mean_score", "retained_d7",
)  # fmt: skip


@dataclass(frozen=True)
class DataSet:
    """Where the files of one size are.

    Attributes:
        rows: Documents.
        mongo: ``learners.jsonl``, for Penstock.
        csv_folder: Folder of ``learners.csv``, for stock TFX.
        held_out: Rows (JSON lines) of another seed on which the models of both are compared.
    """

    rows: int
    mongo: Path
    csv_folder: Path
    held_out: Path


def scalar_document(document: dict[str, Any]) -> dict[str, Any]:
    """Returns a generated document without its arrays and what no side reads; age is a number or null or missing."""
    profile = {
        key: document["profile"][key] for key in ("country", "device", "age") if key in document["profile"]
    }
    if profile.get("age") is not None:
        profile["age"] = int(profile["age"])
    kept = ("_id", "plan", "referrer", "goal", "signup_at", "notifications", "stats", "retained_d7")
    return {**{key: document[key] for key in kept if key in document}, "profile": profile}


def flat_row(document: dict[str, Any]) -> dict[str, Any]:
    """Returns column → value of a scalar document; None where it is missing or null."""
    profile, stats = document["profile"], document["stats"]
    moment = datetime.fromisoformat(document["signup_at"]["$date"].replace("Z", "+00:00"))
    row = {
        **{key: profile.get(key) for key in ("country", "device", "age")},
        **{key: stats.get(key) for key in ("lessons", "minutes", "streak", "days_idle", "mean_score")},
        **{key: document.get(key) for key in ("plan", "referrer", "goal")},
        "id": document["_id"]["$oid"],
        "signup_at": round(moment.timestamp() * 1000),
        "notifications": int(document["notifications"]),
        "retained_d7": int(document["retained_d7"]),
    }
    return {name: row[name] for name in COLUMNS}


def make_data(folder: Path, rows: int) -> DataSet:
    """Returns the data of a size, written if it is not there yet.

    Args:
        folder: Where the data of all sizes is kept.
        rows: Documents.
    """
    # Data made by older code is never reused.
    version = hashlib.sha256(GENERATOR.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:8]
    data = DataSet(
        rows=rows,
        mongo=folder / f"{rows}-{version}" / "mongo" / "learners.jsonl",
        csv_folder=folder / f"{rows}-{version}" / "csv",
        held_out=folder / f"held-out-{version}.jsonl",
    )
    table = data.csv_folder / "learners.csv"
    if not (data.mongo.exists() and table.exists()):
        _write_lines(data.mongo, map(_json_line, _documents(rows, SEED)))
        with published_file(table) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows(map(flat_row, _documents(rows, SEED)))
    if not data.held_out.exists():
        held_out = (json.dumps(flat_row(d)) + "\n" for d in _documents(HELD_OUT_ROWS, HELD_OUT_SEED))
        _write_lines(data.held_out, held_out)
    return data


def _documents(rows: int, seed: int) -> Iterator[dict[str, Any]]:
    documents = load_function(f"{GENERATOR}:documents")
    return map(scalar_document, documents(rows, 1, seed))


def _json_line(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    stream = iter(lines)
    with published_file(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        while block := "".join(islice(stream, 5000)):
            out.write(block)
