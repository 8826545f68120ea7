"""A stranger's first hour: ``penstock init`` and ``penstock run`` and nothing else, beside three lines of scikit-learn.

    make bench-first-hour                                       installs the data sets into build/data_sets, too
    python benchmarks/first_hour/run.py --only wine cars        some of them, with PYTHONPATH=build/data_sets
    python benchmarks/first_hour/run.py --write docs/benchmarks-first-hour.md

Each data set is written as an export; the label is named to ``init`` and nothing else is. Its document is run as written.
The same rows are the test split on both sides. Data sets that were measured are kept in ``results.json`` of the folder, so
that an interrupted benchmark continues; ``--again`` measures them anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import sklearn

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

from baselines import scores  # noqa: E402
from data_sets import DATA_SETS, DataSet, write_export  # noqa: E402
from local_speed.machine import describe_machine  # noqa: E402

from foundation.errors import SpecError  # noqa: E402
from foundation.publish import write_text  # noqa: E402

METRIC = {"binary": "auc", "multiclass": "accuracy", "regression": "rmse"}
WITHIN, WITHIN_SHARE = 0.01, 0.03
"""How far the model may be behind the linear one: in AUC or accuracy, and as a share of the error."""
BEGIN, END = "<!-- first hour: begin -->", "<!-- first hour: end -->"


@dataclass
class Result:
    """What one data set gave."""

    name: str
    source: str
    rows: int
    test: int
    task: str = ""
    metric: str = ""
    penstock: float | None = None
    blessed: bool = False
    why: str = ""
    seconds: float = 0.0
    others: dict[str, float] = field(default_factory=dict)

    @property
    def behind(self) -> float | None:
        """How far the model is behind the linear one; as a share for an error. Negative if it is ahead."""
        if self.penstock is None:
            return None
        if self.metric == "rmse":
            return self.penstock / self.others["linear"] - 1
        return self.others["linear"] - self.penstock

    @property
    def reached(self) -> bool:
        """Whether the model is as good as the linear one, within the aim."""
        limit = WITHIN_SHARE if self.metric == "rmse" else WITHIN
        return self.behind is not None and self.behind <= limit


def measure(data_set: DataSet, folder: Path, tree: Path) -> Result:
    """Writes, starts and runs one project with the Penstock of a source tree, and fits the models beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = data_set.read().reset_index(drop=True)
    ids = write_export(table, folder / "export.jsonl")
    penstock = [sys.executable, "-m", "pipeline.cli.main"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    init = [*penstock, "init", "export.jsonl", "--label", data_set.label, "--name", data_set.name]
    said, code = _call(init, folder, environment)
    if code:
        return Result(data_set.name, data_set.source, len(table), 0, why=said.strip().splitlines()[-1])
    began = time.monotonic()
    said, code = _call([*penstock, "run"], folder, environment)
    seconds = time.monotonic() - began
    task, positive, test = _split(folder, ids)
    result = Result(
        data_set.name, data_set.source, len(table), int(test.sum()), task, METRIC[task], seconds=seconds
    )
    verdicts = sorted(folder.glob(".penstock/**/verdict.json"))
    if verdicts:
        verdict = json.loads(verdicts[-1].read_text())
        overall = {m["metric"]: m["value"] for m in verdict["metrics"] if m["slice"] == "overall"}
        result.penstock, result.blessed = overall[result.metric], verdict["blessed"]
        result.why = "" if verdict["blessed"] else verdict["sentence"]
    else:
        result.why = said.strip().splitlines()[-1] if said.strip() else f"exit {code}"
    (folder / "said.txt").write_text(said, encoding="utf-8")
    result.others = scores(table, data_set.label, positive, task, test)
    return result


def _call(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[str, int]:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr, done.returncode


def _split(folder: Path, ids: list[str]) -> tuple[str, str | None, np.ndarray]:
    """Returns the document's task and positive class, and which rows are its test split."""
    from components.exports.source import resolve
    from components.mongo_example_gen.preview import preview
    from pipeline.document import load

    loaded = load([folder / "pipeline.yaml"])
    spec = loaded.spec
    seen = preview(spec.data, spec.ingested_fields(), resolve(spec.data.mongo_export, folder), folder)
    assert seen.whole, "the splits of a part would be those of the whole, but some rows would have none"
    test = {_id for _id, code in zip(seen.ids, seen.splits, strict=True) if seen.plan.splits[code] == "test"}
    positive = None if spec.model.positive is None else str(spec.model.positive)
    return spec.model.task, positive, np.array([_id in test for _id in ids])


def table_of(results: list[Result], earlier: dict[str, Result]) -> str:
    """Returns the Markdown table, with what an earlier version gave where that was measured."""
    lines = [
        "| data (package), rows / test rows | metric | guessing | linear | boosted trees | `init` + `run` | behind linear | within aim | blessed | s | before |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        digits = ".3f" if one.metric != "rmse" else ".4g"
        names = ("constant", "linear", "trees")
        others = " | ".join(format(one.others[name], digits) if one.others else "" for name in names)
        own = "none" if one.penstock is None else format(one.penstock, digits)
        behind = "" if one.behind is None else format(one.behind, "+.1%" if one.metric == "rmse" else "+.3f")
        lines.append(
            f"| {one.name} ({one.source}), {one.rows:,} / {one.test:,} | {one.metric} | {others} | {own} | {behind} | "
            f"{'yes' if one.reached else 'no'} | {'yes' if one.blessed else 'no'} | {one.seconds:.0f} | {_before(earlier.get(one.name), one)} |"
        )
    reached, blessed = sum(one.reached for one in results), sum(one.blessed for one in results)
    lines += ["", f"Within the aim: {reached} of {len(results)}; blessed: {blessed}."]
    refused = [f"- {one.name}: {one.why}" for one in results if not one.blessed]
    lines += ["", "Not blessed, as the run says:", "", *refused] if refused else []
    return "\n".join(lines)


def _before(earlier: Result | None, now: Result) -> str:
    """Returns what an earlier version gave; with the linear model on its rows where rows or metric are others."""
    if earlier is None:
        return ""
    if earlier.penstock is None:
        return "no model"
    digits = ".3f" if earlier.metric != "rmse" else ".4g"
    value = format(earlier.penstock, digits)
    if (earlier.metric, earlier.others) != (now.metric, now.others):
        value = f"{earlier.metric} {value} (linear {earlier.others['linear']:{digits}})"
    return value + ("" if earlier.blessed else ", not blessed")


def write_between(path: Path, text: str | None) -> None:
    """Puts a text between the markers of a file; None only checks that they are there.

    Raises:
        SpecError: The file or its markers are not there.
    """
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not 0 <= there.find(BEGIN) < there.find(END):
        raise SpecError(
            str(path), expected=f"the lines {BEGIN} and {END}", remedy="leave --write out, or add them"
        )
    if text is not None:
        before, after = there.partition(BEGIN)[0], there.partition(END)[2]
        write_text(path, f"{before}{BEGIN}\n{text}\n{END}{after}")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Returns the options."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    names = [one.name for one in DATA_SETS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    default = Path(tempfile.gettempdir()) / "penstock-first-hour"
    parser.add_argument("--folder", type=Path, default=default, help="for the projects; default %(default)s")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument(
        "--tree", type=Path, default=HERE.parents[1], help="source tree to run; default this one"
    )
    parser.add_argument("--before", type=Path, help="folder with the results of an earlier version")
    parser.add_argument("--write", type=Path, help="put the table between the markers of this file")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Measures what is asked for and prints the table of everything measured."""
    given = parse(arguments)
    if given.write:
        write_between(given.write, None)
    kept = given.folder / "results.json"
    known, earlier = _known(given.folder), _known(given.before) if given.before else {}
    for data_set in DATA_SETS:
        if data_set.name in given.only and (given.again or data_set.name not in known):
            shutil.rmtree(given.folder / data_set.name, ignore_errors=True)
            known[data_set.name] = measure(data_set, given.folder / data_set.name, given.tree)
            kept.write_text(json.dumps([asdict(one) for one in known.values()], indent=1))
            print(table_of([known[data_set.name]], earlier).splitlines()[2], flush=True)
    results = [known[one.name] for one in DATA_SETS if one.name in known]
    text = f"{describe_machine()}, scikit-learn {sklearn.__version__}.\n\n{table_of(results, earlier)}"
    print(text)
    if given.write:
        write_between(given.write, text)


def _known(folder: Path) -> dict[str, Result]:
    file = folder / "results.json"
    return {one["name"]: Result(**one) for one in json.loads(file.read_text())} if file.exists() else {}


if __name__ == "__main__":
    main(sys.argv[1:])
