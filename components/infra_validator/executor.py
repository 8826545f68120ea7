"""Executor of the infra validator: prepares the model to push, serves and queries it, writes blessing and report."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils
from tfx.utils import path_utils

from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.examples import SPLIT, Questions, read_examples
from components.infra_validator.gates import Check
from components.infra_validator.result import Answers, Gate, InfraValidation, Latency, LatencyRow, Times
from components.infra_validator.server import server_command
from components.infra_validator.trial import BLESSED, CANDIDATE, Setting, Trial, run_trial
from components.infra_validator.warmup import warmup_records, write_warmup
from foundation.link import link_tree
from foundation.publish import write_text
from serving.client.signatures import read_signatures

LOG_FILE = "server.log"

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Decides whether a model may be pushed; a model that cannot be served is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``blessing`` (like TFX's InfraValidator, with the model and its warm-up requests) and ``report``.

        Raises:
            DataError: The test split is empty or damaged.
            NodeError: The server does not start, whatever the model.
            SpecError: The server's executable does not exist.
            StorageError: A disk is full.
        """
        config = InfraValidationConfig.model_validate_json(exec_properties["config"])
        command = server_command(config.server, Path(exec_properties["base_folder"]))
        records = read_examples(artifact_utils.get_split_uri(input_dict["examples"], SPLIT), config.examples)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        report = Path(artifact_utils.get_single_uri(output_dict["report"]))
        candidate = Path(path_utils.stamped_model_path(blessing.uri))
        shutil.rmtree(candidate, ignore_errors=True)  # left by a killed attempt of this execution
        link_tree(_model(input_dict["model"][0]), candidate)
        warmup = _add_warmup(candidate, records, config)
        baseline = [_model(one) for one in input_dict.get("baseline_model") or ()]
        report.mkdir(parents=True, exist_ok=True)
        with _work_folder(report) as work:
            setting = Setting(config, command, work, report / LOG_FILE, records)
            trial = run_trial(setting, candidate, baseline[0] if baseline else None)
        log.info("%s", trial.sentence)
        blessing.set_int_custom_property("validated_model_id", input_dict["model"][0].id)
        _bless(blessing, candidate, trial)
        result_of(trial, config, len(records), warmup).write(report)


def _model(model: artifact.Artifact) -> Path:
    return Path(path_utils.serving_model_path(model.uri))


def _add_warmup(candidate: Path, records: list[bytes], config: InfraValidationConfig) -> int:
    signatures = read_signatures(candidate)
    questions = Questions(records, signatures)
    warmup = list(warmup_records(questions, signatures, config.warmup_requests, config.batch_sizes))
    write_warmup(candidate, warmup)
    return len(warmup)


@contextmanager
def _work_folder(report: Path) -> Iterator[Path]:
    """Yields a folder on the artifacts' disk, where links are free; removes leftovers of a killed attempt first."""
    for leftover in report.glob(".work-*"):
        shutil.rmtree(leftover)
    folder = Path(tempfile.mkdtemp(prefix=".work-", dir=report))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bless(blessing: artifact.Artifact, candidate: Path, trial: Trial) -> None:
    """Marks the artifact as TFX's InfraValidator does, adds the sentence, and keeps only a fit model in it."""
    fit = trial.fit
    if not fit:
        shutil.rmtree(candidate, ignore_errors=True)
    blessing.set_int_custom_property("blessed", int(fit))
    blessing.set_int_custom_property("has_model", int(fit))
    blessing.set_string_custom_property("sentence", trial.sentence)
    write_text(Path(blessing.uri) / ("INFRA_BLESSED" if fit else "INFRA_NOT_BLESSED"), "")


def result_of(trial: Trial, config: InfraValidationConfig, examples: int, warmup: int) -> InfraValidation:
    """Returns the result to write; missing numbers are null."""
    return InfraValidation(
        blessed=trial.fit,
        sentence=trial.sentence,
        server=config.server,
        signatures=trial.asked,
        answers=Answers(trial.requests, trial.difference),
        load_seconds={model: round(seconds, 3) for model, seconds in trial.load_seconds.items()},
        memory_mb={m: None if size is None else round(size, 1) for m, size in trial.memory_mb.items()},
        latency=Latency(trial.signature, trial.rounds, tuple(_latency_rows(trial))),
        gates=tuple(_gate(check) for check in trial.checks),
        unmeasured=tuple(trial.unmeasured),
        notes=tuple(trial.notes),
        examples=examples,
        warmup_requests=warmup,
    )


def _gate(check: Check) -> Gate:
    return Gate(
        metric=check.measurement.metric,
        where=check.measurement.where,
        bound=check.bound,
        value=check.measurement.value,
        outcome=check.outcome,
        note=check.note,
        limit=check.limit,
        blessed=check.measurement.blessed,
    )


def _latency_rows(trial: Trial) -> Iterator[LatencyRow]:
    for (protocol, size), latencies in trial.latency.items():
        times = {model: Times(round(t.p50, 3), round(t.p99, 3)) for model, t in latencies.items() if t}
        requests = latencies[CANDIDATE].requests
        yield LatencyRow(protocol, size, requests, times[CANDIDATE], times.get(BLESSED))
