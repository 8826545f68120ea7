"""Measures a search of 8 and of 16 trials on the example, one by one and side by side.

Each search is a process of its own and starts its processes as new Pythons, TensorFlow's import among them; a run with a
zygote forks them instead, which spares the import. The time counts from the search's first to its last moment, after the imports
of its own process; CPU seconds are those of all its processes. Run the example once before (``make demo``).

    python benchmarks/production/trials.py --write docs/training.md
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import check_byte_code, describe_machine  # noqa: E402
from local_speed.tables import check_markers, markdown, write_between  # noqa: E402
from local_speed.versions import REPOSITORY  # noqa: E402

from foundation.errors import NodeError, PenstockError, StorageError  # noqa: E402

EXAMPLE = REPOSITORY / "examples" / "learner_retention"
MARK = "trials"
SIDES = (1, 2)


def main() -> int:
    """Prints a Markdown table of what the searches take."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", default="8,16")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--root", type=Path, default=EXAMPLE / ".penstock", help="root of a run of the example"
    )
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(*given.one, given.root)))
        return 0
    try:
        check_byte_code()
        if given.write:
            check_markers(given.write, MARK)
        table = _table([int(number) for number in given.trials.split(",")], given.repeats, given.root)
        if given.write:
            write_between(given.write, MARK, table)
    except PenstockError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table)
    return 0


def _table(lengths: list[int], repeats: int, root: Path) -> str:
    found: dict[tuple[int, int], list[list[float]]] = {}
    for _ in range(repeats):
        for trials in lengths:
            for side in SIDES:
                found.setdefault((trials, side), []).append(_searched(trials, side, root))
                print(trials, side, *found[trials, side][-1], file=sys.stderr, flush=True)
    rows = []
    for (trials, side), several in found.items():
        walls, cpus, scores = zip(*several, strict=True)
        middle = statistics.median(walls)
        beside = statistics.median(one[0] for one in found[trials, SIDES[0]]) / middle
        spread = f"{middle:.1f} s ({min(walls):.1f} – {max(walls):.1f})"
        rows.append(
            (
                f"{trials}",
                f"{side}",
                spread,
                f"{beside:.2f}×",
                f"{statistics.median(cpus):.1f} s",
                f"{scores[0]:.6f}",
            )
        )
    head = ("trials", "side by side", "wall", "speed", "CPU", "best score")
    return f"{repeats} repeats in turn, median. {describe_machine()}.\n\n{markdown(head, rows)}"


def _searched(trials: int, side: int, root: Path) -> list[float]:
    command = [sys.executable, __file__, "--one", str(trials), str(side), "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NodeError(f"{trials} trials, {side} side by side", seen=done.stderr.strip()[-2000:])
    measured: list[float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measured(trials: int, side: int, root: Path) -> list[float]:
    """Searches; returns wall seconds, CPU seconds with those of all processes that were started, and the best score."""
    from components.trainer.component import training_settings
    from components.tuner.config import TuneConfig
    from components.tuner.tuner_fn import tuner_fn
    from foundation.children import cpu_seconds
    from pipeline.document.loader import load

    spec = load([EXAMPLE / "pipeline.yaml"]).spec
    tune = TuneConfig(algorithm="random", trials=trials, side_by_side=side)
    settings = training_settings(spec.model, spec.train, spec.data.label, spec.features)
    examples = _newest(root, "MongoExampleGen/examples")
    with tempfile.TemporaryDirectory(prefix="penstock-trials-") as folder:
        arguments: Any = SimpleNamespace(
            custom_config={**settings, "tune": tune.model_dump(mode="json"), "work_dir": folder},
            train_files=[str(examples / "Split-train" / "*")],
            eval_files=[str(examples / "Split-validation" / "*")],
            transform_graph_path=str(_newest(root, "Transform/transform_graph")),
        )
        wall, cpu = time.monotonic(), cpu_seconds()
        search: Any = tuner_fn(arguments).tuner
        search.search()
        best = search.oracle.get_best_trials(1)[0]
        return [time.monotonic() - wall, cpu_seconds() - cpu, best.score]


def _newest(root: Path, output: str) -> Path:
    folder = root / "artifacts" / output
    if not folder.is_dir():
        raise StorageError(
            str(folder), expected="a run of the example", seen="none", remedy="run 'make demo' first"
        )
    return max(folder.iterdir(), key=lambda one: int(one.name))


if __name__ == "__main__":
    sys.exit(main())
