"""Measures ingestion: Penstock, the naive pipeline and the floor, in one run on one machine.

python benchmarks/ingestion/run.py                                        100,000 documents in four formats
python benchmarks/ingestion/run.py --large 1000000                        and memory at more documents
python benchmarks/ingestion/run.py --write docs/benchmarks-ingestion.md   put the table into the documentation
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from ingestion.data import FORMATS, write_export  # noqa: E402
from local_speed.machine import describe_machine  # noqa: E402
from local_speed.tables import check_markers, write_between  # noqa: E402

WARM_UP = 500
Results = dict[str, dict[str, float]]


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--documents", type=int, default=100_000, help="default %(default)s")
    parser.add_argument(
        "--naive", type=int, default=20_000, help="documents of the naive side, whose cost is flat"
    )
    parser.add_argument("--large", type=int, nargs="*", default=[], help="sizes to measure memory at")
    parser.add_argument("--repeats", type=int, default=3)
    default = Path(tempfile.gettempdir()) / "penstock-bench-ingestion"
    parser.add_argument("--folder", type=Path, default=default, help="for data; default %(default)s")
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this file")
    return parser.parse_args(arguments)


def run_side(side: str, kind: str, documents: int, given: argparse.Namespace) -> dict[str, float]:
    """Returns the median of the repeats: microseconds of CPU and of wall time a document, and peak memory."""
    export, warm_up = (write_export(given.folder, kind, n) for n in (documents, WARM_UP))
    taken = []
    for _ in range(given.repeats if documents <= given.documents else 1):
        command = [HERE / "side.py", side, kind, export, warm_up, given.folder / "out"]
        done = subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{side}, {kind}: {done.stderr[-2000:]}")
        taken.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {name: median(one[name] for one in taken) for name in taken[0]}
    result = {
        "cpu": middle["cpu"] / documents * 1e6,
        "wall": middle["wall"] / documents * 1e6,
        "peak_mb": middle["peak_mb"],
    }
    print(
        f"{side:10} {kind:12} {documents:>10,}  {result['cpu']:7.1f} µs CPU  {result['peak_mb']:6.0f} MB",
        flush=True,
    )
    return result


def speed_table(given: argparse.Namespace) -> str:
    lines = [
        "| format | naive, µs | floor, µs | Penstock, µs | documents/s and core | times naive | times the floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in FORMATS:
        naive = run_side("naive", kind, given.naive, given)["cpu"]
        floor, ours = (run_side(side, kind, given.documents, given)["cpu"] for side in ("floor", "penstock"))
        lines.append(
            f"| {kind} | {naive:.0f} | {floor:.1f} | {ours:.1f} | {1e6 / ours:,.0f} "
            f"| {naive / ours:.1f}× faster | {ours / floor:.1f} |"
        )
    read = run_side("pandas", "relaxed", given.documents, given)["cpu"]
    return "\n".join([*lines, f"\npandas' `read_json(lines=True)`, reading alone: {read:.0f} µs a document."])


def memory_table(given: argparse.Namespace) -> str:
    lines = [
        "| documents, relaxed | CPU µs a document | wall µs a document | peak memory, MB |",
        "|---|---|---|---|",
    ]
    for documents in sorted({given.documents, *given.large}):
        one = run_side("penstock", "relaxed", documents, given)
        lines.append(f"| {documents:,} | {one['cpu']:.1f} | {one['wall']:.1f} | {one['peak_mb']:.0f} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    given = parse(arguments)
    if given.write:
        check_markers(given.write, given.documents)
    sizes = f"{given.documents:,} documents (naive: {given.naive:,}), median of {given.repeats}"
    text = f"{describe_machine()}; {sizes}.\n\n{speed_table(given)}\n\n{memory_table(given)}\n"
    print(text)
    if given.write:
        write_between(given.write, given.documents, text)


if __name__ == "__main__":
    main(sys.argv[1:])
