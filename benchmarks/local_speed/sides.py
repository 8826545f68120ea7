"""The two sides: stock TFX and Penstock, each from a fresh root to a pushed model, then once more with nothing changed."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from local_speed.data import DataSet
from local_speed.measure import Measured, run_measured

from foundation.errors import DataError

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
BATCH_SIZE = 256
SHORT_COMMANDS = ("plan", "status", "--help")
METRICS = ("auc", "accuracy", "precision", "recall", "calibration")


@dataclass(frozen=True)
class Task:
    """What both sides do in one repeat.

    Attributes:
        data: The data.
        steps: Training steps.
        seed: Seed of training.
        folder: Fresh folder for everything that is made.
    """

    data: DataSet
    steps: int
    seed: int
    folder: Path

    @property
    def limit(self) -> float:
        """Seconds after which a command is ended."""
        return 900 + 0.008 * self.data.rows


@dataclass
class SideResult:
    """What one side took in one repeat.

    Attributes:
        first: From nothing to a pushed model.
        again: The same command once more.
        nodes: Node → seconds in the first run.
        metrics: Metric → value on the side's own test split.
        held_out: ``auc`` and ``standard_error`` on rows that neither side has seen.
        short: Command → what it took (Penstock).
        ran_again: Whether any node ran in the second run although nothing had changed (Penstock).
        imported_tensorflow: Whether an unchanged run imports TensorFlow (Penstock).
    """

    first: Measured
    again: Measured
    nodes: dict[str, float]
    metrics: dict[str, float]
    held_out: dict[str, float]
    short: dict[str, Measured] = field(default_factory=dict)
    ran_again: bool = False
    imported_tensorflow: bool = False


def steps_for(rows: int) -> int:
    """Returns how many steps are trained: 1,000, or one pass over the train split where that is more."""
    return max(1000, math.ceil(0.7 * rows / BATCH_SIZE))


def child_environment(python_path: Path | None = None) -> dict[str, str]:
    """Returns the environment of everything that is measured: byte code is used and written, the log is quiet.

    Args:
        python_path: The only folder that is put before the environment's own packages; stock TFX gets none.
    """
    left_out = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    ours = {"PYTHONPATH": str(python_path)} if python_path else {}
    return {**kept, **ours, "TF_CPP_MIN_LOG_LEVEL": "2"}


def own_zygote(folder: Path) -> dict[str, str]:
    """Returns the variables with which a run has a zygote of its own, wherever it runs: none that is there already helps it.

    Args:
        folder: For its socket; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return {"PENSTOCK_ZYGOTE": "on", "XDG_RUNTIME_DIR": str(folder)}


def run_stock(task: Task) -> SideResult:
    """Runs the stock pipeline twice in a fresh root."""
    root = task.folder / "stock"
    root.mkdir(parents=True)
    arguments = {
        "data": task.data.csv_folder,
        "root": root,
        "steps": task.steps,
        "eval-steps": math.ceil(0.1 * task.data.rows / BATCH_SIZE),
        "seed": task.seed,
    }
    options = [text for key, value in arguments.items() for text in (f"--{key}", str(value))]
    command = [sys.executable, str(HERE / "stock" / "pipeline.py"), *options]
    first = _timed(task, command, root, "stock-first")
    found = _json_of(task, [sys.executable, str(HERE / "stock" / "results.py"), "--root", str(root)], root)
    if not found["model"]:
        raise DataError(
            "the stock pipeline", expected="a pushed model", seen="none", remedy=f"read {task.folder}"
        )
    again = _timed(task, command, root, "stock-again")
    held_out = _held_out(task, found["model"], "serving_default")
    return SideResult(first, again, found["nodes"], found["metrics"], held_out)


def run_penstock(task: Task) -> SideResult:
    """Runs the document twice in a fresh project, then the short commands."""
    project = task.folder / "penstock"
    project.mkdir(parents=True)
    text = (HERE / "pipeline.yaml").read_text(encoding="utf-8")
    filled = Template(text).substitute(export=task.data.mongo, steps=task.steps, seed=task.seed)
    (project / "pipeline.yaml").write_text(filled, encoding="utf-8")
    first = _timed(task, [*penstock(), "run"], project, "penstock-first")
    shown = _json_of(task, [*penstock(), "show", "--json"], project)
    again = _timed(task, [*penstock(), "run"], project, "penstock-again")
    short = {name: _timed(task, [*penstock(), name], project, f"penstock-{name}") for name in SHORT_COMMANDS}
    pushed = shown["artifacts"].get("Pusher.pushed_model", {}).get("properties", {})
    if not pushed.get("pushed_destination"):
        raise DataError("Penstock", expected="a pushed model", seen="none", remedy=f"read {task.folder}")
    return SideResult(
        first=first,
        again=again,
        nodes={node["node"]: node["seconds"] for node in shown["nodes"]},
        metrics=overall_metrics(shown["verdict"]),
        held_out=_held_out(task, pushed["pushed_destination"], "serving_examples"),
        short=short,
        # A run in which nothing had to run leaves no record.
        ran_again=_json_of(task, [*penstock(), "show", "--json"], project)["id"] != shown["id"],
        imported_tensorflow=_imports_tensorflow(task, project),
    )


SIDES: dict[str, Callable[[Task], SideResult]] = {"stock": run_stock, "penstock": run_penstock}
"""Name → what runs it, in the order of a repeat."""


def penstock() -> list[str]:
    """Returns the command ``penstock`` of this environment; without it, the same entry point as a module."""
    installed = Path(sys.executable).with_name("penstock")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "pipeline.cli.main"]


def overall_metrics(verdict: dict[str, Any]) -> dict[str, float]:
    """Returns metric → value on all rows of the test split, and ``rows``, from a verdict."""
    overall = [m for m in verdict["metrics"] if m["slice"] == "overall"]
    return {**{m["metric"]: m["value"] for m in overall}, "rows": overall[0]["rows"]}


def _timed(task: Task, command: list[str], folder: Path, name: str) -> Measured:
    return run_measured(
        command, folder, task.folder / f"{name}.log", task.limit, _environment_of(task, command)
    )


def _environment_of(task: Task, command: list[str]) -> dict[str, str]:
    if command[: len(penstock())] != penstock():
        return child_environment()
    return child_environment(REPOSITORY) | own_zygote(task.folder / "sockets")


def _json_of(task: Task, command: list[str], folder: Path) -> Any:
    """Runs a command unmeasured and returns the JSON that it prints after whatever libraries print."""
    log = task.folder / "answer.log"
    run_measured(command, folder, log, 600, _environment_of(task, command))
    return last_json(log.read_text(encoding="utf-8"))


def last_json(text: str) -> Any:
    """Returns the JSON object that begins a line of a text and runs to its end.

    Raises:
        DataError: There is none.
    """
    starts = [0] if text.startswith("{") else []
    starts += [at + 1 for at in range(len(text)) if text.startswith("\n{", at)]
    for start in starts:
        try:
            return json.loads(text[start:])
        except json.JSONDecodeError:
            continue
    raise DataError("an answer", expected="a JSON object", seen=text[-200:])


def _held_out(task: Task, model: str, signature: str) -> dict[str, float]:
    command = [sys.executable, str(HERE / "score.py"), "--model", model, "--signature", signature]
    return dict(_json_of(task, [*command, "--rows", str(task.data.held_out)], task.folder))


def _imports_tensorflow(task: Task, project: Path) -> bool:
    """Runs the unchanged document once more, not timed, and looks at what it imports."""
    log = task.folder / "penstock-imports.log"
    command = [*penstock(), "run"]
    run_measured(
        command, project, log, 600, {**_environment_of(task, command), "PYTHONPROFILEIMPORTTIME": "1"}
    )
    return any(line.rpartition("|")[2].strip() == "tensorflow" for line in log.read_text().splitlines())


def run_pair(data: DataSet, steps: int, seed: int, folder: Path, keep: bool) -> dict[str, SideResult]:
    """Runs both sides once, one after the other; their folder is removed afterwards unless it should be kept."""
    task = Task(data, steps, seed, folder)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    results = {name: run(task) for name, run in SIDES.items()}
    if not keep:
        shutil.rmtree(folder)
    return results
