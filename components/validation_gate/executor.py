"""Executor of the validation gate: collects the validators' findings, looks for leakage, stops or warns."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.statistics_gen.stored import read_statistics
from components.validation_gate import distances, late
from components.validation_gate.comparisons import Comparison, findings
from components.validation_gate.config import ValidateConfig
from components.validation_gate.findings import Statistics, anomalies, remedy_for
from components.validation_gate.leakage.search import MOST_ROWS, find_leaks
from components.validation_gate.result import Distance, Finding, Validation, stopped_folder
from components.validation_gate.train_rows import read_rows
from foundation.errors import AnomalyError, DataError

ANOMALIES_FILE = "SchemaDiff.pb"
MOST_TOLD = 20
MOST_KEPT = 50
"""Reports of stopped runs that are kept for the runs' pages."""
NO_EARLIER = "there is no earlier span"
GONE = "the rows to compare with are gone"

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Stops the run on an anomaly if the document says so; leakage only warns."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``report``.

        Raises:
            AnomalyError: There are anomalies and the document says stop.
            DataError: The schema lacks the label or cannot be read, or a check is impossible.
        """
        config = ValidateConfig.model_validate_json(exec_properties["config"])
        settings = json.loads(exec_properties["settings"])
        report = _Gathering(config, settings, input_dict).report()
        report.write(artifact_utils.get_single_uri(output_dict["report"]))
        for row in (*report.drift, *report.train_test):
            log.info(
                "%s of %s: %s, bound %s, %s%s (%s)",
                row.distance, row.feature, row.value, row.limit, row.outcome, row.note and f": {row.note}", row.formula,
            )  # fmt: skip
        for finding in (*report.warnings, *report.leakage):
            log.warning("%s", finding.message)
        stopping = [finding.message for finding in report.anomalies if finding.stops]
        if stopping:
            # TFX drops the outputs of a failed execution; the run's report still shows what was found.
            output = Path(artifact_utils.get_single_uri(output_dict["report"]))
            _keep(report, stopped_folder(output.parents[1], output.name))
            more = f"; and {len(stopping) - MOST_TOLD} more" if len(stopping) > MOST_TOLD else ""
            raise AnomalyError(
                f"{len(stopping)} {'anomaly' if len(stopping) == 1 else 'anomalies'} in the data",
                seen="; ".join(stopping[:MOST_TOLD]) + more,
                remedy=remedy_for(report.anomalies),
            )


class _Gathering:
    """Reads the inputs once and assembles the report."""

    def __init__(self, config: ValidateConfig, settings: dict[str, Any], inputs: Artifacts) -> None:
        self._config, self._settings, self._inputs = config, settings, inputs
        self._stops = config.on_anomaly == "stop"
        self._schema = _schema(artifact_utils.get_single_uri(inputs["schema"]), settings["label"])
        statistics = artifact_utils.get_single_instance(inputs["statistics"])
        splits = artifact_utils.decode_split_names(statistics.split_names)
        self._statistics: dict[str, Statistics] = {
            split: read_statistics(statistics, split) for split in splits
        }

    def report(self) -> Validation:
        """Returns the findings."""
        drift, train_test = self._drift(), self._train_test()
        found = (
            *self._anomalies(),
            *findings("drift", drift, self._stops),
            *findings("train_test", train_test, self._stops),
        )
        return Validation(
            anomalies=found if self._stops else (),
            warnings=() if self._stops else found,
            leakage=tuple(self._leaks()),
            drift=tuple(drift),
            train_test=tuple(train_test),
        )

    def _anomalies(self) -> list[Finding]:
        written = artifact_utils.get_single_instance(self._inputs["anomalies"])
        found = {
            split: _read(Path(written.uri) / f"Split-{split}" / ANOMALIES_FILE)
            for split in artifact_utils.decode_split_names(written.split_names)
        }
        return anomalies(found, self._statistics, self._schema, self._stops)

    def _drift(self) -> list[Distance]:
        checks = self._config.drift
        distances.refuse_unmeasurable(checks, self._statistics["train"], "validate.drift")
        written = self._inputs.get("drift_anomalies")
        files = sorted(Path(written[0].uri).glob(f"SplitPair-*/{ANOMALIES_FILE}")) if written else []
        earlier = self._inputs.get("previous_examples")
        before = _split(earlier[0], "train") if earlier else None
        without = GONE if before is None and (earlier or files) else NO_EARLIER
        compared = _read(files[0]) if files else None
        return self._comparison("drift", before, "train").measure(checks, compared, without)

    def _train_test(self) -> list[Distance]:
        checks = self._config.train_test
        distances.refuse_unmeasurable(checks, self._statistics["train"], "validate.train_test")
        theirs = {name: check for name, check in checks.items() if not check.calibrated}
        compared = (
            distances.compare(theirs, self._statistics["test"], self._statistics["train"]) if theirs else None
        )
        before = _split(artifact_utils.get_single_instance(self._inputs["examples"]), "train")
        return self._comparison("train_test", before, "test").measure(checks, compared, GONE)

    def _comparison(self, kind: str, before: Path | None, split: str) -> Comparison:
        examples = artifact_utils.get_single_instance(self._inputs["examples"])
        now = Path(artifact_utils.get_split_uri([examples], split))
        settings = self._settings
        return Comparison(
            kind,
            before,
            now,
            settings.get("group_by", ()),
            settings.get("dates", ()),
            self._schema,
            settings.get("uncounted_key", ""),
        )

    def _leaks(self) -> list[Finding]:
        examples = artifact_utils.get_single_instance(self._inputs["examples"])
        rows = read_rows(artifact_utils.get_split_uri([examples], "train"), MOST_ROWS)
        label = self._settings["label"]
        if label not in rows:
            raise DataError(
                f"label {label!r}",
                expected="a value in the train split",
                seen="none",
                remedy="correct data.label",
            )
        settings = self._settings
        recorded_at = settings["recorded_at"]
        found = find_leaks(
            rows, label, settings["task"], settings["positive"], self._config.leakage_auc, recorded_at
        )
        return found + (late.find_late(rows, recorded_at, settings.get("dates", ())) if recorded_at else [])


def _keep(report: Validation, folder: Path) -> None:
    """Writes the report where a failed execution's outputs do not go, and removes the oldest of many."""
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder)
    kept = sorted(folder.parent.iterdir(), key=lambda place: place.stat().st_mtime, reverse=True)
    for old in kept[MOST_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _split(examples: artifact.Artifact, split: str) -> Path | None:
    """Returns the folder of a split; None if it is no longer there."""
    folder = Path(artifact_utils.get_split_uri([examples], split))
    return folder if folder.is_dir() else None


def _read(path: Path) -> anomalies_pb2.Anomalies:
    return anomalies_pb2.Anomalies.FromString(path.read_bytes())


def _schema(folder: str, label: str) -> schema_pb2.Schema:
    """Reads the schema and refuses one that belongs to other data."""
    file = next(iter(sorted(Path(folder).glob("*.pbtxt"))), None)
    if file is None:
        raise DataError(f"schema {folder}", expected="a .pbtxt file", seen="none")
    try:
        schema = text_format.Parse(file.read_text(encoding="utf-8"), schema_pb2.Schema())
    except text_format.ParseError as error:
        raise DataError(f"schema {file}", expected="a TFDV schema as text", seen=str(error)) from error
    if label not in {feature.name for feature in schema.feature}:
        remedy = "infer the schema again with 'penstock schema infer', or correct data.label"
        raise DataError("schema", expected=f"the label {label!r}", seen="a schema without it", remedy=remedy)
    return schema
