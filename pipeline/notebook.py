"""A project for notebooks: its export, runs and results as tables, whatever its document says.

    from pipeline.notebook import Project
    project = Project("path/to/project")

Tables are pandas'. TensorFlow is imported by what reads examples or models, and by nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from components.evaluation_gate.beside import NAMES
from components.evaluation_gate.result import Verdict
from components.exports.source import known_spans
from foundation.errors import DataError, SpecError
from foundation.storage import is_remote
from foundation.tfrecord import read_gz
from pipeline.cli.progress import LineProgress
from pipeline.cli.screen import say
from pipeline.document.loader import LoadedSpec, load
from pipeline.document.models import PipelineSpec
from pipeline.look import Look, look
from pipeline.look.text import HEAD
from pipeline.look.text import rows as look_rows
from pipeline.plan import Selection
from pipeline.report.data import FeatureView
from pipeline.report.statistics import read_features
from pipeline.runs.book import RunRecord
from pipeline.runs.finish import finish
from pipeline.runs.results import AnyResult, RunResults
from pipeline.runs.session import Session

VARIABLE = "PENSTOCK_PROJECT"
DOCUMENT = "pipeline.yaml"


class Project:
    """A document and what its runs have made.

    Args:
        place: A document, or the folder of ``pipeline.yaml``; by default the environment variable
            ``PENSTOCK_PROJECT``.
        overrides: ``a.b=value``, as ``--set`` on the command line.

    Raises:
        SpecError: No place is given, or the document is wrong.
    """

    def __init__(self, place: Path | str | None = None, overrides: Sequence[str] = ()) -> None:
        given = place or os.environ.get(VARIABLE)
        if not given:
            raise SpecError(
                f"environment variable {VARIABLE}",
                expected="a project's folder, or its document",
                seen="nothing",
            )
        path = Path(given)
        self.document = (path / DOCUMENT if path.is_dir() else path).resolve()
        self.overrides = tuple(overrides)

    def changed(self, *overrides: str) -> Project:
        """Returns the same project with further overrides."""
        return Project(self.document, (*self.overrides, *overrides))

    @property
    def folder(self) -> Path:
        """The folder of the document."""
        return self.document.parent

    @cached_property
    def loaded(self) -> LoadedSpec:
        """The document, read and checked."""
        return load([self.document], self.overrides)

    @property
    def spec(self) -> PipelineSpec:
        """The document, typed."""
        return self.loaded.spec

    def session(self) -> Session:
        """Returns a fresh view of the project, which sees changed files."""
        return Session(self.loaded)

    def shown(self, path: Path | str) -> str:
        """Returns a path relative to the project, for output that is committed."""
        path = Path(path)
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else path.name

    # The export

    def spans(self) -> list[int]:
        """Returns the spans of the export, oldest first; empty where the pattern has none."""
        pattern = self.spec.data.mongo_export
        return known_spans(pattern, self.folder) if pattern else []

    def look(self, span: int | str = "latest", examples: bool = True) -> Look:
        """Profiles the export; examples are masked, so that no person's value is kept in a notebook.

        Args:
            span: Which span, where the pattern has ``{SPAN}``.
            examples: Whether to show what texts look like.

        Raises:
            DataError: There is no export.
        """
        pattern = self.spec.data.mongo_export
        if pattern is None:
            raise DataError(f"{self.document.name}", expected="data.mongo_export", seen="another source")
        place = pattern if is_remote(pattern) or Path(pattern).is_absolute() else f"{self.folder}/{pattern}"
        return look(place, examples=examples, span=span)

    # Runs

    def plan(self) -> pd.DataFrame:
        """Returns what a run would do: a row for each node."""
        rows = [
            {"node": n.node.id, "takes": ", ".join(n.node.inputs), "action": n.action, "why": n.reason}
            for n in self.session().plan().nodes
        ]
        return pd.DataFrame(rows).set_index("node")

    def run(self, end: str | None = None) -> RunRecord:
        """Runs what needs to run, as ``penstock run`` does, up to a node; prints a line for each node."""
        session = self.session()
        record = session.run(Selection(end=end), LineProgress())
        lines = finish(session, record)
        kept = [line for line in lines if not line.startswith("Report")]  # its path is in the record
        shown = "\n".join(kept).replace(f"{self.folder}/", "")
        say(shown if end is None else f"Run {record.state}.")
        return session.runs.find(record.id) if record.state != "unchanged" else self.last_run()

    def last_run(self) -> RunRecord:
        """Returns the newest complete run.

        Raises:
            DataError: There is none.
        """
        complete = [run for run in self.session().runs.all() if run.state == "complete"]
        if not complete:
            raise DataError(
                f"{self.document.name}", expected="a complete run", seen="none", remedy="run() first"
            )
        return complete[-1]

    def results(self, run: RunRecord | None = None) -> RunResults:
        """Returns what a run made or reused; by default the newest complete one."""
        return RunResults.of(self.session().lineage(), (run or self.last_run()).id)

    def read(self, kind: type[AnyResult], run: RunRecord | None = None) -> AnyResult:
        """Returns a result file of a run, such as ``Verdict``.

        Raises:
            DataError: The run has none.
        """
        found = self.results(run).read(kind)
        if found is None:
            raise DataError(kind.FILE, expected="a run that got that far", seen="one that did not")
        return found

    def made(self, node: str, key: str, run: RunRecord | None = None) -> Path:
        """Returns the folder of what a node made in a run.

        Raises:
            DataError: The run has nothing of that node.
        """
        folder = self.results(run).folder(node, key)
        if folder is None:
            raise DataError(f"{node}.{key}", expected="a run that got that far", seen="one that did not")
        return folder

    def metrics(self, run: RunRecord | None = None) -> pd.DataFrame:
        """Returns the metrics of a run: metric, slice, value, low, high, rows, and the values of the simple models."""
        columns = ["metric", "slice", "value", "low", "high", "rows"]
        verdict = self.read(Verdict, run)
        rows = [
            {**{c: getattr(one, c) for c in columns}, **{name: one.references.get(name) for name in NAMES}}
            for one in verdict.metrics
        ]
        return pd.DataFrame(rows, columns=[*columns, *NAMES])

    # Examples and models

    def statistics(self, run: RunRecord | None = None, split: str = "train") -> tuple[FeatureView, ...]:
        """Returns TFDV's statistics of a split; texts with many different values are not shown."""
        from components.mongo_example_gen.result import Ingestion

        types = {field.feature: field.type for field in self.read(Ingestion, run).fields if field.type}
        return read_features(self.made("StatisticsGen", "statistics", run), types, split)

    def serialized(self, split: str, limit: int = 100_000, run: RunRecord | None = None) -> list[bytes]:
        """Returns examples of a split, serialized."""
        folder = self.made("MongoExampleGen", "examples", run) / f"Split-{split}"
        return [record for _, record in zip(range(limit), _records(folder), strict=False)]

    def examples(self, split: str, limit: int = 100_000, run: RunRecord | None = None) -> pd.DataFrame:
        """Returns examples of a split: a column for each feature, None where it is missing."""
        return pd.DataFrame(map(_fields, self.serialized(split, limit, run)))

    def predictions(self, split: str = "test", run: RunRecord | None = None) -> pd.DataFrame:
        """Returns the examples of a split with what the run's model says of them.

        The column ``predicted`` is a probability, a class or a number, as the task is; for classes,
        ``confidence`` is the probability of that class.
        """
        from tfx.utils.path_utils import serving_model_path

        from components.signature import load as load_signature

        serialized = self.serialized(split, run=run)
        model = load_signature(serving_model_path(str(self.made("Trainer", "model", run))))
        outputs = model.predict(serialized)
        table = self.examples(split, run=run)
        if "label" in outputs:
            table["predicted"] = [name.decode() for name in outputs["label"].reshape(-1)]
            table["confidence"] = outputs["probabilities"].max(axis=1)
        else:
            table["predicted"] = next(iter(outputs.values())).reshape(-1)
        return table


def look_table(seen: Look) -> pd.DataFrame:
    """Returns the table that ``penstock look`` prints."""
    return pd.DataFrame(look_rows(seen), columns=HEAD).set_index("path")


def _records(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.glob("*.gz")):
        yield from read_gz(file)


def _fields(record: bytes) -> dict[str, Any]:
    from tensorflow.core.example import example_pb2

    found: dict[str, Any] = {}
    for name, feature in example_pb2.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = [_plain(value) for value in getattr(feature, kind).value] if kind else []
        found[name] = values[0] if len(values) == 1 else values or None
    return found


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
