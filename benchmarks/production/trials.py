"""Measures a search of 8 and of 16 trials on the example, of a small and of a larger model, one by one and side by side.

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

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.tables import markdown  # noqa: E402
from local_speed.telling import tell  # noqa: E402
from local_speed.versions import REPOSITORY  # noqa: E402

from foundation.errors import NodeError, StorageError  # noqa: E402

EXAMPLE = REPOSITORY / "examples" / "learner_retention"
MARK = "trials"
SIDES = (1, 2)
RATES = {"min": 1e-4, "max": 1e-2, "log": True}
MODELS: dict[str, dict[str, Any]] = {
    "the example's, linear": {},
    "3 × 256 units": {"type": "dense", "hidden": [256, 256, 256]},
}


def main() -> int:
    """Prints a Markdown table of what the searches take."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", default="8,16")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--models", default=",".join(map(str, range(len(MODELS)))))
    parser.add_argument(
        "--root", type=Path, default=EXAMPLE / ".penstock", help="root of a run of the example"
    )
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    parser.add_argument("--one", nargs=3, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(*given.one, given.root)))
        return 0
    models, lengths = (
        [int(number) for number in listed.split(",")] for listed in (given.models, given.trials)
    )
    cases = [(model, trials) for model in models for trials in lengths]
    return tell(MARK, given.write, lambda: _table(cases, given.repeats, given.root))


def _table(cases: list[tuple[int, int]], repeats: int, root: Path) -> str:
    found: dict[tuple[int, int, int], list[list[float]]] = {}
    for _ in range(repeats):
        for model, trials in cases:
            for side in SIDES:
                case = (model, trials, side)
                found.setdefault(case, []).append(_searched(case, root))
                print(*case, *found[case][-1], file=sys.stderr, flush=True)
    rows = []
    for (model, trials, side), several in found.items():
        walls, cpus, scores = zip(*several, strict=True)
        middle = statistics.median(walls)
        alone = statistics.median(one[0] for one in found[model, trials, SIDES[0]])
        spread = f"{middle:.1f} s" + (f" ({min(walls):.1f} – {max(walls):.1f})" if repeats > 1 else "")
        told = (f"{alone / middle:.2f}×", f"{statistics.median(cpus):.1f} s", f"{scores[0]:.6f}")
        rows.append((list(MODELS)[model], f"{trials}", f"{side}", spread, *told))
    head = ("model", "trials", "side by side", "wall", "speed", "CPU", "best score")
    noun = "1 repeat" if repeats == 1 else f"{repeats} repeats in turn, median (smallest – largest)"
    return f"{noun}. {describe_machine()}.\n\n{markdown(head, rows)}"


def _searched(case: tuple[int, int, int], root: Path) -> list[float]:
    command = [sys.executable, __file__, "--one", *map(str, case), "--root", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NodeError(f"model, trials, side by side: {case}", seen=done.stderr.strip()[-2000:])
    measured: list[float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _measured(model: int, trials: int, side: int, root: Path) -> list[float]:
    """Searches; returns wall seconds, CPU seconds with those of all processes that were started, and the best score."""
    from components.trainer.component import training_settings
    from components.tuner.config import TuneConfig
    from components.tuner.tuner_fn import tuner_fn
    from foundation.processes.children import cpu_seconds
    from pipeline.document.loader import load

    spec = load([EXAMPLE / "pipeline.yaml"]).spec
    tune = TuneConfig.model_validate(
        {"algorithm": "random", "trials": trials, "side_by_side": side, "search": {"learning_rate": RATES}}
    )
    chosen = spec.model.model_copy(update=list(MODELS.values())[model])
    settings = training_settings(chosen, spec.train, spec.data.label, spec.features)
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
