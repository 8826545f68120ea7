"""The whole example on Flink and on Spark, with two worker processes, beside the same run on this machine alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.engines import same

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()"]
SMALL = ("data.span=1", "train.epochs=1", "infra_validation=false", "evaluate.gates=none", "run.workers=2")
"""What is no work of Beam is kept short."""
ENGINES = pytest.mark.parametrize("engine", ["flink", "spark"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs the example on an engine, once for each, and returns its root."""
    repository = tmp_path_factory.mktemp("repository")
    left = shutil.ignore_patterns(".penstock", "serving_models", "quarantine", "*.inferred")
    for part in ("examples/learner_retention", "schema/learner_retention"):
        shutil.copytree(REPOSITORY / part, repository / part, ignore=left)
    project = repository / "examples" / "learner_retention"

    def on(engine: str) -> Path:
        root = f".{engine}"
        if not (project / root / "artifacts").exists():
            own = (*SMALL, f"run.beam={engine}", f"root={root}", f"push.to=serving{root}")
            options = [word for value in own for word in ("--set", value)]
            done = subprocess.run(
                [*COMMAND, "run", *options],
                cwd=project,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            (project / f"{root}.out").write_text(done.stdout, encoding="utf-8")
        return project / root

    return on


def logs(root: Path, pattern: str = "log.txt") -> dict[str, str]:
    """Returns the logs of a root's only run, by name."""
    (folder,) = (root / "runs").iterdir()
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob(pattern))}


@ENGINES
def test_ingestion_gives_the_same_rows(engine: str, run: Callable[..., Path]) -> None:
    for split in same.SPLITS:
        assert same.rows(run(engine), split) == same.rows(run("local"), split)


@ENGINES
def test_statistics_are_the_same_but_for_the_last_bit(engine: str, run: Callable[..., Path]) -> None:
    for split in same.SPLITS:
        here, there = same.statistics(run("local"), split), same.statistics(run(engine), split)
        assert same.differences(here, there, split, relative=1e-12) == []


@ENGINES
def test_transform_is_bit_for_bit_the_same(engine: str, run: Callable[..., Path]) -> None:
    here, there = run("local"), run(engine)
    assert same.vocabularies(here) == same.vocabularies(there)
    examples = same.output(here, "MongoExampleGen", "examples")
    graphs = [same.output(root, "Transform", "transform_graph") for root in (here, there)]
    one, other = (same.transformed(graph, examples, "test") for graph in graphs)
    assert same.differences(one, other, relative=0.0) == []


@ENGINES
def test_metrics_are_the_same_within_single_precision(engine: str, run: Callable[..., Path]) -> None:
    here, there = same.metrics(run("local")), same.metrics(run(engine))
    assert same.differences(here, there, relative=1e-6, absolute=1e-7) == []


@ENGINES
def test_every_beam_step_ran_there_in_two_processes(engine: str, run: Callable[..., Path]) -> None:
    root = run(engine)
    nodes = {name.split("-")[1] for name in logs(root, f"{engine}-*-1.log")}
    assert nodes == {"MongoExampleGen", "StatisticsGen", "Transform", "Evaluator"}
    started = re.findall(r"Beam's worker \S+ is process (\d+)", logs(root)["log.txt"])
    assert len(set(started)) >= 2 * len(nodes)


@ENGINES
def test_what_workers_counted_reaches_the_summary(engine: str, run: Callable[..., Path]) -> None:
    root = run(engine)
    said = (root.parent / f"{root.name}.out").read_text(encoding="utf-8")
    (line,) = re.findall(r"MongoExampleGen +(.+)", said)
    assert re.search(r"\b12,000 documents\b", line)
    assert re.search(r"\b4 quarantined\b", line)
    assert re.search(r"\b7,319,442 bytes\b", line)
