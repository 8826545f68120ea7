"""Runs the example from export to pushed model and prints what it made. Started by ``make demo``.

Running it again finds nothing changed and prints the same in seconds.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generate import true_probability
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
DOCUMENT = HERE / "pipeline.yaml"
EXPORT = HERE / "exports" / "learners" / "1" / "learners.jsonl.gz"
SHARES = {"train": 7, "validation": 1, "test": 2}
SPAN = ("--set", "data.span=1")


def main() -> int:
    began = time.perf_counter()
    print(
        "One document, exports/learners/1 → a validated, trained, evaluated and pushed model.\n", flush=True
    )
    code = subprocess.run(penstock("run", *SPAN), env=environment(), check=False).returncode
    if code:
        return code
    shown = subprocess.run(
        penstock("show", "--json"), env=environment(), check=True, capture_output=True, text=True
    )
    for line in summary(json.loads(shown.stdout), time.perf_counter() - began):
        print(line)
    return 0


def penstock(*arguments: str) -> list[str]:
    """Returns the command line of ``penstock`` on the example's document, run by this interpreter."""
    command, *options = arguments
    return [sys.executable, "-m", "pipeline.cli.main", command, "-f", str(DOCUMENT), *options]


def environment() -> dict[str, str]:
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def test_documents() -> Iterator[dict[str, Any]]:
    """Yields the documents of the test split, chosen as the pipeline chooses them: by a hash of ``user_id``."""
    with gzip.open(EXPORT, "rt", encoding="utf-8") as lines:
        for line in lines:
            try:
                document = json.loads(line)
            except json.JSONDecodeError:  # a broken line; the pipeline put it in quarantine
                continue
            digest = hashlib.sha256(document["user_id"].encode()).digest()
            place = int.from_bytes(digest[:8], "big") % sum(SHARES.values())
            if place >= SHARES["train"] + SHARES["validation"]:
                yield document


def auc_of_the_truth() -> tuple[float, int]:
    """Returns the AUC of the true probabilities on the test split, and how many documents it has."""
    documents = list(test_documents())
    truth = [true_probability(document) for document in documents]
    return roc_auc_score([document["retained_d7"] for document in documents], truth), len(documents)


def summary(run: dict[str, Any], seconds: float) -> list[str]:
    """Returns what the demo made and what to try next.

    Args:
        run: What ``penstock show --json`` says.
        seconds: Wall time of the demo.
    """
    verdict = run["verdict"]
    auc = next(m for m in verdict["metrics"] if m["metric"] == "auc" and m["slice"] == "overall")
    best, rows = auc_of_the_truth()
    if rows != auc["rows"]:
        raise RuntimeError(f"the pipeline tested on {auc['rows']} documents, this file chose {rows}")
    pushed = run["artifacts"].get("Pusher.pushed_model", {}).get("properties", {}).get("pushed_destination")
    command = f".venv/bin/penstock {{}} -f {shown(DOCUMENT)}"
    return [
        "",
        "What was made",
        f"  verdict    {'blessed' if verdict['blessed'] else 'not blessed'}",
        f"  AUC        {auc['value']:.4f} on {rows:,} test documents (95% interval {auc['low']:.4f} to {auc['high']:.4f})",
        f"  the truth  {best:.4f} is what the true probabilities reach on them, {abs(best - auc['value']):.4f} "
        f"{'more' if best >= auc['value'] else 'less'}; no model is better on average, on one sample it can be",
        f"  pushed     {shown(pushed) if pushed else 'nothing'}",
        f"  report     {shown(run['report'])}",
        f"  time       {seconds:.0f} s",
        "",
        "What to try next",
        f"  {command.format('run')}",
        "      the second week: the mix of countries has drifted, the report says so under Validation",
        f"  {command.format('plan')}",
        "      what a run would do now, and why",
        f"  {command.format('lineage')}",
        "      the way back from the model to the export",
        "  .venv/bin/penstock init --help",
        "      the same with your own data",
    ]


def shown(path: str | Path) -> str:
    """Returns a path from the root of the repository where it lies inside."""
    resolved = Path(path).resolve()
    return str(resolved.relative_to(REPOSITORY)) if resolved.is_relative_to(REPOSITORY) else str(path)


if __name__ == "__main__":
    sys.exit(main())
