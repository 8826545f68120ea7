"""One validation: serves candidate and blessed model side by side, queries and measures both, decides."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.infra_validator.answers import Answer, difference
from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.examples import Batch, Questions
from components.infra_validator.gates import Check, Measurement, check_all, sentence
from components.infra_validator.measure import Latency, alternate
from components.infra_validator.server import (
    GRPC,
    PROTOCOLS,
    ModelRefusedError,
    ModelServer,
    error_text,
    running_server,
)
from foundation.errors import DataError, NodeError
from foundation.link import link_tree
from foundation.saved_model import DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE, MODEL_FILE, is_saved_model
from serving.client.errors import CallError, ClientError
from serving.client.signatures import read_signatures
from serving.client.transport import Prepared

CANDIDATE, BLESSED, REHEARSAL = "candidate", "blessed", "rehearsal"
TOLERANCE = 1e-4
"""Largest allowed difference between two answers to one request, relative to their size."""
ROUNDS = 3
"""Most rounds of measuring latency: the machine may be to blame if a bound is missed once."""
P99_REQUESTS = 1000
"""Requests from which ten are beyond the p99; made if a gate bounds it, as far as there is time."""
P99_SECONDS = 20.0
"""Time for them, for each protocol and batch size."""
REQUEST_SECONDS = 25.0
PRIMING = 10
"""Requests to the tiny model for each batch size and protocol."""


Predict = Callable[[list[bytes]], Answer]
"""Serialized examples → the model's answer."""


class UnfitError(Exception):
    """A candidate that cannot be served properly; the text is the reason, for the user."""


@dataclass
class Trial:
    """The result of a validation.

    Attributes:
        sentence: The verdict.
        fit: Whether the candidate may be pushed.
        asked: Signature → ``asked``, or why it could not be.
        requests: Number of compared answers.
        difference: The largest difference between two answers to one request, relative to their size.
        load_seconds: Model → time to load.
        memory_mb: Model → MiB by which the server grew; ``server`` → its memory without either model.
        latency: Protocol, rows of a request → model → times.
        rounds: How often latencies were measured.
        signature: The signature whose latency was measured.
        checks: The gates.
        unmeasured: What was not measured, as nothing asked for it.
        notes: Further remarks.
    """

    sentence: str = ""
    fit: bool = False
    asked: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    difference: float = 0.0
    load_seconds: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float | None] = field(default_factory=dict)
    latency: dict[tuple[str, int], dict[str, Latency]] = field(default_factory=dict)
    rounds: int = 0
    signature: str = ""
    checks: list[Check] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """The inputs of a validation.

    Attributes:
        config: The document's section.
        command: The start of the server's command line.
        work: A folder for private copies, on the artifacts' disk.
        log: File for the server's output.
        records: Serialized examples.
    """

    config: InfraValidationConfig
    command: list[str]
    work: Path
    log: Path
    records: Sequence[bytes]


def run_trial(setting: Setting, candidate: Path, blessed: Path | None) -> Trial:
    """Serves the candidate and decides whether it may be pushed.

    Args:
        setting: The inputs.
        candidate: Folder of the SavedModel.
        blessed: Folder of the blessed SavedModel, None without one.

    Raises:
        NodeError: The server does not start, whatever the model.
    """
    trial = Trial()
    try:
        if not is_saved_model(candidate):
            raise UnfitError(f"it has no {MODEL_FILE}")
        seconds = setting.config.timeout_seconds
        with (
            ThreadPoolExecutor(1) as beside,  # while the server loads the model, this process does
            running_server(setting.command, setting.work, setting.log, seconds) as server,
        ):
            truth = beside.submit(_truth, candidate, setting.records[:1])
            _Course(setting, server, trial, truth).run(candidate, blessed)
    except UnfitError as error:
        trial.sentence = f"Not fit to serve: {str(error).rstrip('.')}."
    return trial


class _Course:
    """The steps of one validation, in order."""

    def __init__(
        self, setting: Setting, server: ModelServer, trial: Trial, truth: Future[Predict | None]
    ) -> None:
        self._setting, self._server, self._trial, self._truth = setting, server, trial, truth
        self._config = setting.config
        self._questions: dict[str, Questions] = {}

    def run(self, candidate: Path, blessed: Path | None) -> None:
        trial = self._trial
        self._prime()
        self._note_unmeasured()
        if self._config.measures_memory:
            trial.memory_mb["server"] = self._server.memory_mb()
        try:
            if self._config.measures_memory:
                self._rehearse(candidate)
            self._serve(CANDIDATE, candidate)
        except ModelRefusedError as error:
            raise UnfitError(f"the server does not load it: {self._brief(error)}") from error
        questions = self._questions[CANDIDATE]
        trial.asked = {**dict.fromkeys(questions.signatures, "asked"), **questions.skipped}
        if not questions.signatures:
            raise UnfitError("it has no signature serving_default or serving_examples that takes examples")
        if (
            blessed is not None and self._config.serves_blessed
        ):  # before the candidate gets more requests than the blessed model will
            self._serve_blessed(blessed)
        self._compare()
        if self._config.measures_latency:
            self._measure()
        trial.checks = check_all(self._config.gates, list(measurements(trial)))
        trial.fit = all(check.outcome != "fails" for check in trial.checks)
        count = len(self._setting.records)
        summary = f"{trial.requests} requests with {count} examples got the same answers by gRPC and REST"
        trial.sentence = sentence(trial.checks, summary)

    def _note_unmeasured(self) -> None:
        wanted = {
            "latency": self._config.measures_latency,
            "memory": self._config.measures_memory,
            "the blessed model": self._config.serves_blessed,
        }
        self._trial.unmeasured = [what for what, measured in wanted.items() if not measured]

    def _prime(self) -> None:
        """Queries the tiny model first: a fault is the server's, and the first requests' memory is charged to neither model."""
        for protocol, rows in itertools.product(PROTOCOLS, self._config.batch_sizes):
            numbers: np.ndarray = np.zeros(rows, np.float32)
            batch = Batch(DEFAULT_SIGNATURE, rows, {"x": numbers})
            try:
                for _ in range(PRIMING if self._config.measures_memory else 1):
                    self._request(protocol, self._server.primer, batch).send(REQUEST_SECONDS)
            except ClientError as error:
                raise NodeError(
                    "model server", expected=f"an answer by {protocol}", seen=self._brief(error)
                ) from error

    def _brief(self, error: Exception) -> str:
        """Returns the first sentence of a reason, without the private folder of the served copy."""
        text = error_text(error) if isinstance(error, CallError) else str(error)
        text = re.sub(rf"{re.escape(str(self._setting.work))}/\w+/1/?", "", " ".join(text.split()))
        text = re.split(r"(?<=\w)\. (?=[A-Z])| \[\[\{\{", text, maxsplit=1)[0]
        return text if len(text) <= 400 else f"{text[:400]}…"

    def _rehearse(self, candidate: Path) -> None:
        """Loads and queries the candidate once before measuring.

        The first model of its kind also pays for TensorFlow's one-off set-up in a process (some 20 MiB), and would
        look larger than the same model loaded second.
        """
        self._serve(REHEARSAL, candidate)
        self._trial.memory_mb.pop(REHEARSAL)
        self._trial.load_seconds.pop(REHEARSAL)

    def _serve(self, name: str, model: Path) -> None:
        folder = self._setting.work / name
        link_tree(model, folder / "1")
        before = self._server.memory_mb()
        self._trial.load_seconds[name] = self._server.add(name, folder)
        self._questions[name] = Questions(self._setting.records, read_signatures(model))
        try:
            for batch in self._batches(name) if self._config.measures_memory else ():
                self._request(GRPC, name, batch).send(REQUEST_SECONDS)  # so that its memory includes them
        except ClientError as error:
            if name != BLESSED:
                raise UnfitError(
                    f"gRPC, {batch.signature}, {batch.rows} rows: {self._brief(error)}"
                ) from error
            raise ModelRefusedError(self._brief(error)) from error
        if self._config.measures_memory:
            after = self._server.memory_mb()
            grown = after - before if after is not None and before is not None else None
            self._trial.memory_mb[name] = grown

    def _serve_blessed(self, model: Path) -> None:
        if not is_saved_model(model):
            self._trial.notes.append(
                "The blessed model's files no longer exist; there is nothing to compare with."
            )
            return
        try:
            self._serve(BLESSED, model)
        except ModelRefusedError as error:
            self._questions.pop(BLESSED, None)
            self._trial.memory_mb.pop(BLESSED, None)
            self._trial.notes.append(f"The blessed model could not be served alongside: {self._brief(error)}")

    def _batches(self, name: str) -> Iterator[Batch]:
        questions = self._questions[name]
        for signature, rows in itertools.product(questions.signatures, self._config.batch_sizes):
            yield questions.batch(signature, rows)

    def _request(self, protocol: str, model: str, batch: Batch) -> Prepared:
        client = self._server.clients[protocol]
        return client.prepare(model, batch.inputs, signature=batch.signature, fill_missing=False)

    def _compare(self) -> None:
        """Sends every example at every batch size by both protocols, and compares the answers."""
        asked = EXAMPLES_SIGNATURE in self._questions[CANDIDATE].signatures
        truth = self._truth.result() if asked else None
        questions = self._questions[CANDIDATE]
        for signature, rows in itertools.product(questions.signatures, self._config.batch_sizes):
            for batch in questions.every(signature, rows):
                answers = {protocol: self._answer(protocol, batch) for protocol in PROTOCOLS}
                if truth is not None and signature == EXAMPLES_SIGNATURE:
                    answers["the SavedModel itself"] = truth(list(batch.inputs["examples"]))
                self._hold(batch, answers)

    def _answer(self, protocol: str, batch: Batch) -> Answer:
        try:
            request = self._request(protocol, CANDIDATE, batch)
            return request.read(request.send(REQUEST_SECONDS)).outputs
        except CallError as error:
            where = f"{protocol}, {batch.signature}, {batch.rows} rows"
            raise UnfitError(f"{where}: {self._brief(error)}") from error
        except ClientError as error:
            raise UnfitError(f"{protocol}, {batch.signature}: unreadable answer: {error}") from error

    def _hold(self, batch: Batch, answers: Mapping[str, Answer]) -> None:
        self._trial.requests += len(PROTOCOLS)
        first, *others = answers
        for other in others:
            gap = difference(answers[first], answers[other])
            if gap > TOLERANCE:
                raise UnfitError(
                    f"{first} and {other} answer {batch.rows} rows of {batch.signature} differently, by {gap:.2g}"
                )
            self._trial.difference = max(self._trial.difference, gap)

    def _measure(self) -> None:
        trial = self._trial
        trial.signature = self._questions[CANDIDATE].signatures[0]
        models = [CANDIDATE]
        if BLESSED in self._questions:
            if trial.signature in self._questions[BLESSED].signatures:
                models.append(BLESSED)
            else:
                trial.notes.append(f"The blessed model has no {trial.signature}; its latency is unknown.")
        for trial.rounds in range(1, ROUNDS + 1):
            for place, latencies in self._round(models).items():
                trial.latency[place] = _quicker(trial.latency.get(place), latencies)
            checks = check_all(self._config.gates, list(measurements(trial)))
            if not any(c.outcome == "fails" and c.measurement.metric != "memory_mb" for c in checks):
                return

    def _round(self, models: Sequence[str]) -> dict[tuple[str, int], dict[str, Latency]]:
        found = {}
        more = P99_REQUESTS if self._config.gates.latency_p99_ms else 0
        try:
            for protocol, rows in itertools.product(PROTOCOLS, self._config.batch_sizes):
                asked = {model: self._requests(protocol, model, rows) for model in models}
                found[protocol, rows] = alternate(asked, self._config.requests, more, P99_SECONDS)
        except ClientError as error:
            raise UnfitError(f"{protocol}, {rows} rows: {self._brief(error)}") from error
        return found

    def _requests(self, protocol: str, model: str, rows: int) -> list[Callable[[], object]]:
        batches = itertools.islice(self._questions[model].every(self._trial.signature, rows), 50)
        requests = (self._request(protocol, model, batch) for batch in batches)
        return [functools.partial(request.send, REQUEST_SECONDS) for request in requests]


def _truth(model: Path, first: Sequence[bytes]) -> Predict | None:
    """Returns the model's own ``serving_examples`` in this process, None if it does not load here.

    It runs as it is written, which a server's rewriting must not change beyond the tolerance. It is asked once, as its
    first answer takes longest.
    """
    from components.signature import ServingSignature

    try:
        predict = ServingSignature(str(model), rewritten=False).predict
    except DataError:
        return None
    with contextlib.suppress(Exception):  # whatever is wrong with the answer shows when it is compared
        predict(list(first))
    return predict


def _quicker(before: dict[str, Latency] | None, now: dict[str, Latency]) -> dict[str, Latency]:
    """Keeps the round least disturbed by the machine, with all models' times from the same round."""
    return now if before is None or now[CANDIDATE].p99 < before[CANDIDATE].p99 else before


def measurements(trial: Trial) -> Iterator[Measurement]:
    """Yields every number that a gate can check."""
    for (protocol, rows), latencies in trial.latency.items():
        where = f"{protocol}, {rows} row{'s' if rows > 1 else ''}"
        own, blessed = latencies[CANDIDATE], latencies.get(BLESSED)
        times = own.times, blessed.times if blessed else ()
        yield Measurement("latency_p50_ms", where, own.p50, blessed.p50 if blessed else None, *times)
        yield Measurement("latency_p99_ms", where, own.p99, blessed.p99 if blessed else None, *times)
    yield Measurement("memory_mb", "", trial.memory_mb.get(CANDIDATE), trial.memory_mb.get(BLESSED))
