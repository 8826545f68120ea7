"""A small project whose nodes run one process each, as a scheduler starts them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.bundle.compiling import compile_bundle
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.document.loader import load
from pipeline.document.models import MetadataConfig
from pipeline.lineage.records import Execution
from pipeline.lineage.store import MlmdLineage, artifacts_of_run
from tests.side_by_side import importing, once

DOCUMENT = """
name: learners
data:
  mongo_export: exports/{SPAN}/*.jsonl
  fields: {lessons: {type: int}, country: {}}
  label: kept
schema: schema.pbtxt
features: {lessons: zscore, country: {vocabulary: 10}}
validate: {drift: {country: calibrated}}
model: {type: linear}
train: {epochs: 2, learning_rate: 0.1, batch_size: 64, seed: 1}
evaluate: {metrics: [auc], gates: {auc: 0.6}}
push: {to: served}
"""
SCHEMA = """
feature { name: "_id" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "lessons" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "country" type: BYTES presence { min_fraction: 1 } shape { dim { size: 1 } } }
feature { name: "kept" type: INT presence { min_fraction: 1 } shape { dim { size: 1 } } }
"""
COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()", "node"]
LONG = 600
ROWS = 600


@dataclass(frozen=True)
class Said:
    """What a process said and how it ended."""

    code: int
    line: dict[str, Any]
    log: str


class Project:
    """The project's home, its bundle, a pipeline root and the nodes of its runs.

    Args:
        home: The folder of the exports.
        bundle: The bundle.
        root: Name of the pipeline root in the home. In one of its own, nothing has run before that could be reused.
    """

    def __init__(self, home: Path, bundle: Bundle, root: str = ".penstock") -> None:
        self.home, self.bundle, self.root = home, bundle, home / root
        self._environment = importing()

    @property
    def nodes(self) -> list[str]:
        """The nodes of the bundle, in order."""
        return [node.id for node in self.bundle.sidecar.nodes]

    def start(self, node: str, run: str, *more: str) -> subprocess.Popen[str]:
        """Starts a node in a process group of its own."""
        folder = self.bundle.folder.relative_to(self.home.parent)
        where = ["--ir", str(folder), "--home", self.home.name, "--root", self.root.name]
        where += ["--node", node, "--run-id", run, "--span", "1"]
        return subprocess.Popen(
            [*COMMAND, *where, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home.parent,
            env=self._environment,
            process_group=0,
        )

    def node(self, node: str, run: str, *more: str) -> Said:
        """Runs a node to its end."""
        return ended(self.start(node, run, *more))

    def lineage(self) -> MlmdLineage:
        """What ML Metadata knows now."""
        return MlmdLineage(MetadataConfig(), self.root, "learners")

    def executions(self, run: str, node: str) -> list[Execution]:
        """The executions of a node in a run."""
        return [one for one in self.lineage().executions() if (one.run, one.node) == (run, node)]

    def artifacts(self, run: str) -> dict[str, list[int]]:
        """Node and key → all artifacts that the run has made or reused there, of whichever execution."""
        found: dict[str, list[int]] = {}
        for one in self.lineage().executions():
            if one.run == run:
                for key, ids in one.outputs.items():
                    found.setdefault(f"{one.node}.{key}", []).extend(ids)
        return found

    def newest(self, run: str, node: str, key: str) -> int:
        """The artifact that counts."""
        return artifacts_of_run(self.lineage(), run)[node, key].id

    def record(self, run: str) -> dict[str, Any]:
        """The record of a run."""
        return dict(json.loads((self.root / "runs" / run / "run.json").read_text()))

    def pushed(self) -> list[Path]:
        """The versions in the push destination."""
        return [one for one in (self.home / "served").iterdir() if one.is_dir()]


def ended(process: subprocess.Popen[str]) -> Said:
    """Waits for a process's end."""
    output, _ = process.communicate(timeout=LONG)
    last = output.rstrip("\n").rpartition("\n")[2]
    line = json.loads(last) if last.startswith("{") else {}
    return Said(process.returncode, line, output)


def until_it_begins(process: subprocess.Popen[str]) -> bool:
    """Waits until the node's executor has begun; returns False where the process has ended first, or has no executor."""
    assert process.stdout is not None
    return any(" begins after " in line for line in process.stdout)


def kill(process: subprocess.Popen[str]) -> None:
    """Ends a process and its group as the kernel would (SIGKILL)."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LONG)


def _write(home: Path) -> None:
    drawn = random.Random(1)
    (home / "pipeline.yaml").write_text(DOCUMENT)
    (home / "schema.pbtxt").write_text(SCHEMA)
    for span in (1, 2):
        (home / "exports" / str(span)).mkdir(parents=True)
        rows = []
        for number in range(ROWS):
            lessons = drawn.randrange(50)
            kept = drawn.random() < lessons / 50
            rows.append(
                {"_id": f"u{number}", "lessons": lessons, "country": drawn.choice(["CH", "DE"]), "kept": kept}
            )
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (home / "exports" / str(span) / "learners.jsonl").write_text(text)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its bundle; nobody writes to it."""

    def build(folder: Path) -> None:
        (folder / "home").mkdir()
        _write(folder / "home")
        compile_bundle(load([folder / "home" / "pipeline.yaml"]), folder / "bundles")

    return once(tmp_path_factory, "nodes", build)


@pytest.fixture(scope="module")
def project(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project in a folder of its own."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(compiled, folder, dirs_exist_ok=True)
    (bundle,) = (folder / "bundles").iterdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTOCK_CACHE", str(folder / "cache"))
        yield Project(folder / "home", open_bundle(bundle))
