"""Measures Penstock against an example that is not ours: stock TFX's Chicago taxi, 15,000 rows, as TFX's package brings it.

python benchmarks/taxi/run.py                                three repeats
python benchmarks/taxi/run.py --write docs/benchmarks.md     put the table into the documentation
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.measure import Measured, run_measured  # noqa: E402
from local_speed.sides import child_environment  # noqa: E402
from local_speed.tables import markdown, ratio_of, spread  # noqa: E402
from local_speed.telling import tell  # noqa: E402
from local_speed.versions import REPOSITORY, environment_of, penstock  # noqa: E402

from foundation.errors import DataError  # noqa: E402
from foundation.publish import write_text  # noqa: E402

REPEATS = 3
LIMIT = 900.0
MARK = "taxi"
GIGABYTE = 2**30
TIP = 0.2
TEXTS = ("payment_type", "company")

Result = dict[str, Measured]


def documents(table: Path) -> list[dict[str, Any]]:
    """Returns the example's rows as documents, each with ``big_tipper``; what is empty is left out."""
    with table.open(newline="", encoding="utf-8") as rows:
        return [_document(number, row) for number, row in enumerate(csv.DictReader(rows))]


def _document(number: int, row: dict[str, str]) -> dict[str, Any]:
    given = {name: text if name in TEXTS else _number(text) for name, text in row.items() if text}
    fare, tips = given.get("fare"), given.pop("tips", 0)
    return {"_id": number, **given, "big_tipper": int(fare is not None and tips > TIP * fare)}


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() and "." not in text else value


def stock(folder: Path) -> Result:
    """Runs the example twice in a fresh root."""
    command = [sys.executable, str(HERE / "stock.py"), "--root", str(folder)]
    result = {
        name: run_measured(command, folder, folder / f"{name}.log", LIMIT, child_environment())
        for name in ("first", "again")
    }
    if not list((folder / "serving").glob("*")):
        raise DataError("the stock example", expected="a pushed model", seen="none", remedy=f"read {folder}")
    return result


def ours(folder: Path) -> Result:
    """Runs the document twice in a fresh project."""
    from tfx.examples import chicago_taxi_pipeline

    package = Path(next(iter(chicago_taxi_pipeline.__path__)))
    lines = (json.dumps(one) for one in documents(package / "data" / "simple" / "data.csv"))
    write_text(folder / "export" / "trips.jsonl", "\n".join(lines) + "\n")
    text = (HERE / "pipeline.yaml").read_text(encoding="utf-8")
    (folder / "pipeline.yaml").write_text(
        Template(text).substitute(export="export/trips.jsonl"), encoding="utf-8"
    )
    environment = environment_of(REPOSITORY, folder / "sockets")
    result = {
        name: run_measured([*penstock(), "run"], folder, folder / f"{name}.log", LIMIT, environment)
        for name in ("first", "again")
    }
    if not list((folder / "serving").glob("[0-9]*")):
        raise DataError("Penstock", expected="a pushed model", seen="none", remedy=f"read {folder}/first.log")
    return result


SIDES = {"stock": stock, "penstock": ours}


def measure(repeats: int, folder: Path) -> list[dict[str, Result]]:
    """Runs the repeats, both sides in turn, each in a fresh folder."""
    found = []
    for number in range(1, repeats + 1):
        both = {}
        for side, run in SIDES.items():
            place = folder / side
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            both[side] = run(place)
        shown = ", ".join(f"{side} {result['first'].wall:.1f} s" for side, result in both.items())
        print(f"repeat {number} of {repeats}: {shown}", file=sys.stderr, flush=True)
        found.append(both)
    return found


def render(repeats: Sequence[dict[str, Result]], machine: str) -> str:
    """Returns the table.

    Args:
        repeats: Side → ``first`` and ``again``, a repeat each.
        machine: Date, machine and versions.
    """
    rows = []
    for name, run, value, scale, shape in (
        ("data to pushed model, wall", "first", "wall", 1, "{:.1f} s"),
        ("— CPU, all processes", "first", "cpu", 1, "{:.1f} s"),
        ("— memory at the peak", "first", "peak", GIGABYTE, "{:.2f} GB"),
        ("unchanged second run, wall", "again", "wall", 1, "{:.1f} s"),
    ):
        both = [[getattr(r[side][run], value) / scale for r in repeats] for side in SIDES]
        rows.append((name, *(spread(values, shape) for values in both), ratio_of(*both)))
    head = ("", "stock TFX", "Penstock", "Penstock ÷ stock")
    return f"{len(repeats)} repeats, median (smallest – largest). {machine}.\n\n{markdown(head, rows)}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often; default %(default)s")
    parser.add_argument("--write", type=Path, help="put the table between the markers of this file")
    given = parser.parse_args()
    folder = Path(tempfile.gettempdir()).resolve() / "penstock-benchmark-taxi"
    return tell(MARK, given.write, lambda: render(measure(given.repeats, folder), describe_machine()))


if __name__ == "__main__":
    sys.exit(main())
