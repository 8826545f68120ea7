"""The metrics of a process's experiments: filled by each tick, read by Prometheus at ``/metrics``."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.contract import Target
from serving.experiments.metrics import families as f
from serving.experiments.metrics.answers import Answers
from serving.experiments.metrics.processes import Processes, Usage, usage_of
from serving.experiments.metrics.values import Inputs, Outputs, counter
from serving.experiments.payload.batch import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.log.log import PredictionLog

log = logging.getLogger(__name__)
_MOST_PAIRS: Final = 1000
OWN: Final = "self"
"""Name of the backend that is this process: the model server's, without a hop."""


@dataclass(frozen=True, slots=True)
class ArmState:
    """An arm as the shared state has it.

    Attributes:
        arm: Its name.
        weight: Share of the experiment's new units that it gets.
        takes_part: False if it was taken out.
        units: Units whose reward is counted.
        total: Sum of their rewards.
        pending: Units whose reward is awaited.
    """

    arm: str
    weight: float
    takes_part: bool = True
    units: int = 0
    total: float = 0.0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """An experiment as the shared state has it.

    Attributes:
        experiment: Its name.
        arms: Its arms.
        slot_table: Version of its slot table.
        mismatch: Whether the test of sample ratios has alarmed.
    """

    experiment: str
    arms: Sequence[ArmState]
    slot_table: int = 0
    mismatch: bool = False


class Metrics:
    """Counts what each tick brings; never raises into it.

    Args:
        reader: Reads bodies; that of the log, so that each is read once.
        prediction_log: The log whose counts are shown; None if there is none.
        backends: Backend → ``HOST:PORT``; empty for the model server, whose arms are in this process.
    """

    def __init__(
        self,
        reader: Reader | None = None,
        prediction_log: PredictionLog | None = None,
        backends: Mapping[str, str] | None = None,
    ) -> None:
        self._reader = reader or Reader()
        self.prediction_log = prediction_log
        self._answers = Answers(f.REQUESTS, f.ERRORS, f.DURATION)
        self._shadows = Answers(f.SHADOWS, None, f.SHADOW_DURATION)
        self._inputs, self._outputs = Inputs(), Outputs()
        self._fallbacks: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._rewards: Counter[tuple[str, str]] = Counter()
        self._states: tuple[ExperimentState, ...] = ()
        self._default_backend = next(iter(backends), OWN) if backends else OWN
        self._processes = Processes(dict(backends)) if backends else None
        self._backend_of: dict[tuple[str, str], str] = {}
        self._arm_cpu: dict[tuple[str, str], float] = {}
        self._before: tuple[dict[str, Usage], dict[tuple[str, str], float]] = ({}, {})
        self._dividing = threading.Lock()
        self._registry: Any = None

    def take(
        self,
        batch: Iterable[tuple[Choice, Outcome]],
        shadows: Iterable[tuple[Choice, str, Outcome]] = (),
    ) -> None:
        """Counts the answers of a tick, and those of copies, each with its arm."""
        try:
            self._take(list(batch), list(shadows))
        except Exception:
            self.failed("metrics")
            log.exception("Metrics of a tick are incomplete")

    def _take(self, batch: list[tuple[Choice, Outcome]], shadows: list[tuple[Choice, str, Outcome]]) -> None:
        outcomes = [outcome for _, outcome in batch] + [outcome for _, _, outcome in shadows]
        for (choice, outcome), pair in zip(batch, self._reader.read(outcomes), strict=False):
            arm = (choice.experiment, choice.arm)
            fell_back = outcome.fell_back and choice.fallback is not None
            target = choice.fallback if fell_back and choice.fallback else choice.target
            self._answers.add(choice, choice.arm, target, outcome)
            self._backend_of[arm] = choice.target.backend or self._default_backend
            self._inputs.add(arm, pair.request)
            if fell_back:
                self._fallbacks[arm] += 1
            else:
                self._outputs.add(arm, pair.response)
        for choice, arm_name, outcome in shadows:
            target = dict(choice.shadows).get(arm_name, Target(""))
            self._shadows.add(choice, arm_name, target, outcome)
            self._backend_of[choice.experiment, arm_name] = target.backend or self._default_backend
        self._outputs.end(time.monotonic())

    def observe(self, states: Iterable[ExperimentState]) -> None:
        """Replaces what is known of the shared state; experiments that are not in it any more have no gauges."""
        self._states = tuple(states)

    def rewarded(self, experiment: str, status: str) -> None:
        """Counts a reward that this process was sent.

        Args:
            experiment: The experiment.
            status: ``accepted``, ``repeated``, ``conflicting``, ``late`` or ``unknown``; from us, never a client's text.
        """
        key = (experiment, status)
        self._rewards[
            key if key in self._rewards or len(self._rewards) < _MOST_PAIRS else ("other", status)
        ] += 1

    def failed(self, part: str) -> None:
        """Counts a failure of the machinery: ``state``, ``log``, ``guardrails`` or another part of the tick."""
        self._failures[part] += 1

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Returns the body and content type of an answer to Prometheus.

        Args:
            accept: The request's Accept header: the text format, or OpenMetrics if asked for.
        """
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        return encode(self._registered()), content_type

    def _registered(self) -> Any:
        if self._registry is None:
            from prometheus_client import CollectorRegistry, ProcessCollector

            registry = CollectorRegistry(auto_describe=False)
            registry.register(self)
            ProcessCollector(registry=registry)
            self._registry = registry
        return self._registry

    def describe(self) -> Iterator[Any]:
        """Yields nothing: Prometheus' client need not collect to register."""
        return iter(())

    def collect(self) -> Iterator[Any]:
        """Yields all families as Prometheus' client has them."""
        yield from self._answers.collect()
        yield from self._shadows.collect()
        yield counter(f.FALLBACKS, self._fallbacks)
        yield from self._inputs.collect()
        yield from self._outputs.collect(time.monotonic())
        yield from self._state_families()
        yield from self._log_families()
        yield counter(f.FAILURES, self._failures)
        yield counter(f.REWARDS_RECEIVED, self._rewards)
        yield from self._usage_families()
        yield _gauge(f.BUILD, [((_version(), platform.python_version()), 1)])

    def _state_families(self) -> Iterator[Any]:
        states = self._states
        arms = [((state.experiment, arm.arm), arm) for state in states for arm in state.arms]
        units = [((*key, "matured"), arm.units) for key, arm in arms]
        units += [((*key, "pending"), arm.pending) for key, arm in arms]
        yield _gauge(f.REWARD_UNITS, units)
        yield _gauge(f.REWARD_SUM, [(key, arm.total) for key, arm in arms])
        yield _gauge(f.WEIGHT, [(key, arm.weight) for key, arm in arms])
        yield _gauge(f.ARM_IN, [(key, arm.takes_part) for key, arm in arms])
        yield _gauge(f.SRM, [((state.experiment,), state.mismatch) for state in states])
        yield _gauge(f.SLOT_TABLE, [((state.experiment,), state.slot_table) for state in states])

    def _log_families(self) -> Iterator[Any]:
        written = self.prediction_log
        if written is not None:
            yield counter(f.LOG_ROWS, written.written)
            yield counter(f.LOG_DROPPED, written.dropped)
            yield _gauge(f.LOG_COLUMNS, [((), written.columns_left_out)])

    def _usage_families(self) -> Iterator[Any]:
        own = usage_of(os.getpid())
        usages = self._processes.read() if self._processes else ({OWN: own} if own else {})
        with self._dividing:
            self._divide(usages)
            arms = Counter(self._arm_cpu)
        yield counter(f.BACKEND_CPU, Counter({name: usage.cpu_seconds for name, usage in usages.items()}))  # type: ignore[arg-type]
        yield _gauge(f.BACKEND_MEMORY, [((name,), usage.memory_bytes) for name, usage in usages.items()])
        yield counter(f.ARM_CPU, arms)

    def _divide(self, usages: dict[str, Usage]) -> None:
        """Divides the CPU time since the last look between the arms of each backend, by the time of their answers."""
        busy = Counter(self._answers.busy())
        busy.update(self._shadows.busy())
        old_usages, old_busy = self._before
        self._before = (usages, dict(busy))
        for backend, usage in usages.items():
            old = old_usages.get(backend)
            arms = {
                arm: busy[arm] - old_busy.get(arm, 0.0)
                for arm in busy
                if self._backend_of.get(arm) == backend
            }
            whole = sum(arms.values())
            if old is None or whole <= 0:
                continue
            spent = max(0.0, usage.cpu_seconds - old.cpu_seconds)
            for arm, seconds in arms.items():
                self._arm_cpu[arm] = self._arm_cpu.get(arm, 0.0) + spent * seconds / whole


def _gauge(family: f.Family, values: Iterable[tuple[tuple[str, ...], float]]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    result = GaugeMetricFamily(family.name, family.text, labels=family.labels)
    for labels, value in values:
        result.add_metric(list(labels), value)
    return result


def _version() -> str:
    try:
        return metadata.version("penstock")
    except metadata.PackageNotFoundError:
        return "unknown"
