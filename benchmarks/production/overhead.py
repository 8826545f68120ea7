"""Measures what a node costs before its work: from the start of ``penstock node`` until its executor begins.

    python benchmarks/production/overhead.py                                         five repeats
    python benchmarks/production/overhead.py --repeats 1
    python benchmarks/production/overhead.py --write docs/benchmarks-production.md   put the table into the documentation

The example runs once, a process for each node. Then each node of the table is wanted anew, in turn with a process that
imports TensorFlow and nothing else, and one that imports what TFX's own launcher of a node imports.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.tables import markdown, spread  # noqa: E402
from local_speed.telling import tell  # noqa: E402
from local_speed.versions import REPOSITORY  # noqa: E402

from foundation.errors import NodeError  # noqa: E402

MARK = "overhead"
REPEATS = 5
RUN = "measured"
NODES = (
    "ImportSchemaGen",
    "MongoExampleGen",
    "InfraValidator",
    "StatisticsGen",
    "Transform",
    "Trainer",
    "Evaluator",
)
"""The trivial one, the largest without TensorFlow, one whose server is a process of its own, and those with TensorFlow."""
TENSORFLOW = "TensorFlow's own import"
STOCK = "imports of TFX's own launcher"
PROGRAMS = {
    TENSORFLOW: "import tensorflow",
    STOCK: "from tfx import v1; from tfx.orchestration.portable import launcher",
}
COMMAND = "from pipeline.cli.main import main; main()"
BEGINS = re.compile(r"begins after ([\d.]+) s, ([\d.]+) s of CPU")


@dataclass(frozen=True)
class Spent:
    """What was spent until the work began.

    Attributes:
        wall: Seconds.
        cpu: User and system seconds of all processes.
    """

    wall: float
    cpu: float


def imported(program: str) -> Spent:
    """Returns what a process spends on imports."""
    began, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(time.perf_counter() - began, cpu)


class Example:
    """The example in a folder of its own, compiled.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder / "examples" / "learner_retention"
        made = shutil.ignore_patterns(".penstock", "serving_models", "quarantine")
        shutil.copytree(REPOSITORY / "examples" / "learner_retention", self._home, ignore=made)
        shutil.copytree(REPOSITORY / "schema" / "learner_retention", folder / "schema" / "learner_retention")
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PENSTOCK_HOME": str(self._home),
            "PENSTOCK_CACHE": str(folder / "cache"),
        }
        self._penstock("compile", "--to", "bundles")
        (self._bundle,) = (self._home / "bundles").iterdir()

    def run(self, nodes: Sequence[str]) -> None:
        """Runs nodes once, and all that they depend on."""
        listed = json.loads((self._bundle / "bundle.json").read_text(encoding="utf-8"))["nodes"]
        wanted = set(nodes)
        for node in reversed(listed):
            wanted |= set(node["upstream"]) if node["id"] in wanted else set()
        for node in listed:
            if node["id"] in wanted:
                self._node(node["id"])

    def again(self, node: str) -> Spent:
        """Runs a node anew; returns what was spent until its executor began."""
        found = BEGINS.search(self._node(node, "--again"))
        if found is None:
            raise NodeError(f"node {node}", expected="a line that says when it begins", seen="none")
        return Spent(float(found[1]), float(found[2]))

    def _node(self, node: str, *more: str) -> str:
        where = ("--ir", str(self._bundle), "--node", node, "--run-id", RUN, "--span", "1")
        return self._penstock("node", *where, *more)

    def _penstock(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=self._home,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise NodeError(f"penstock {' '.join(arguments[:3])}", expected="exit code 0", seen=str(last))
        return done.stdout


def measure(repeats: int, nodes: Sequence[str]) -> dict[str, list[Spent]]:
    """Returns what each row of the table spent, a repeat each, taken in turn."""
    found: dict[str, list[Spent]] = {name: [] for name in (*PROGRAMS, *nodes)}
    with tempfile.TemporaryDirectory() as folder:
        example = Example(Path(folder))
        example.run(nodes)
        for _ in range(repeats):
            for name, program in PROGRAMS.items():
                found[name].append(imported(program))
            for node in nodes:
                found[node].append(example.again(node))
    return found


def render(found: dict[str, list[Spent]], machine: str) -> str:
    """Returns the table."""
    count = len(found[TENSORFLOW])
    said = f"{count} repeats, median (smallest – largest)" if count > 1 else "1 repeat"
    rows = [
        (
            name if name in PROGRAMS else f"`{name}`",
            spread([one.wall for one in spent], "{:.2f} s"),
            spread([one.cpu for one in spent], "{:.2f} s"),
        )
        for name, spent in found.items()
    ]
    return f"{said}. {machine}.\n\n{markdown(('', 'wall', 'CPU'), rows)}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--nodes", nargs="+", default=list(NODES))
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    given = parser.parse_args()
    return tell(MARK, given.write, lambda: render(measure(given.repeats, given.nodes), describe_machine()))


if __name__ == "__main__":
    sys.exit(main())
