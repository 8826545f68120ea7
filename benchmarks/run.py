"""Measures Penstock against stock TFX on the same data: same features, model, steps and seeds, one environment.

    python benchmarks/run.py                                    15,000 rows, three repeats
    python benchmarks/run.py --large                            1,000,000 rows, once
    python benchmarks/run.py --write docs/benchmarks.md         put the table into the documentation

See docs/benchmarks.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from local_speed.data import make_data  # noqa: E402
from local_speed.machine import check_byte_code, describe_machine  # noqa: E402
from local_speed.sides import SideResult, run_pair, steps_for  # noqa: E402
from local_speed.tables import check_markers, render, write_between  # noqa: E402

from foundation.errors import PenstockError  # noqa: E402
from foundation.publish import write_text  # noqa: E402

SMALL_ROWS, LARGE_ROWS, WARM_UP_ROWS = 15_000, 1_000_000, 1_500
SMALL_REPEATS = 3
FIRST_SEED = 42


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--large", action="store_true", help=f"{LARGE_ROWS:,} rows, one repeat")
    parser.add_argument("--rows", type=int, help=f"documents; default {SMALL_ROWS:,}")
    parser.add_argument("--repeats", type=int, help=f"how often; default {SMALL_REPEATS}, with --large 1")
    parser.add_argument(
        "--steps", type=int, help="training steps; default 1,000 or one pass, whichever is more"
    )
    parser.add_argument(
        "--no-warm-up", action="store_true", help="leave out the small run before the first repeat"
    )
    default = Path(tempfile.gettempdir()) / "penstock-benchmark"
    parser.add_argument("--folder", type=Path, default=default, help="for data and runs; default %(default)s")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the runs")
    parser.add_argument("--write", type=Path, help="put the table between the markers of this file")
    given = parser.parse_args(arguments)
    given.rows = given.rows or (LARGE_ROWS if given.large else SMALL_ROWS)
    given.repeats = given.repeats or (1 if given.large else SMALL_REPEATS)
    given.steps = given.steps or steps_for(given.rows)
    return given


def measure(given: argparse.Namespace) -> list[dict[str, SideResult]]:
    """Runs the repeats, stock and Penstock in turn, each repeat with its own seed on both sides."""
    folder = given.folder.resolve()
    if not given.no_warm_up:
        _say(f"warming up with {WARM_UP_ROWS:,} rows, not counted")
        run_pair(make_data(folder / "data", WARM_UP_ROWS), 50, FIRST_SEED, folder / "warm-up", keep=False)
    _say(f"making {given.rows:,} documents, not counted")
    data = make_data(folder / "data", given.rows)
    repeats = []
    for index in range(given.repeats):
        results = run_pair(
            data, given.steps, FIRST_SEED + index, folder / f"run-{given.rows}-{index}", given.keep
        )
        repeats.append(results)
        _write_numbers(folder / f"results-{given.rows}.json", repeats)
        shown = ", ".join(f"{side} {result.first.wall:.1f} s" for side, result in results.items())
        _say(f"repeat {index + 1} of {given.repeats}: {shown}")
    return repeats


def _write_numbers(path: Path, repeats: list[dict[str, SideResult]]) -> None:
    numbers = [{side: asdict(result) for side, result in repeat.items()} for repeat in repeats]
    write_text(path, json.dumps(numbers, indent=1))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = parse(sys.argv[1:])
    try:
        check_byte_code()
        if given.write:
            check_markers(given.write, given.rows)
        repeats = measure(given)
        table = render(repeats, given.rows, given.steps, describe_machine())
        if given.write:
            write_between(given.write, given.rows, table)
    except PenstockError as error:
        _say(f"error: {error}")
        return error.exit_code
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
