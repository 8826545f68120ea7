"""What there is to say of an experiment at a moment, read from the document and the state: for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from foundation.quantities import duration_words
from serving.experiments.control.actions import experiment_of
from serving.experiments.guardrails.comparison import guardrails_report
from serving.experiments.live.authority import replicas
from serving.experiments.live.plan import Allocation, World
from serving.experiments.live.review import target_words, unit_words
from serving.experiments.live.said import replica_alarms
from serving.experiments.modes.shadow_comparison import shadow_report
from serving.experiments.state.lifecycle import Phase, read_lifecycle, results_key
from serving.experiments.state.store import Counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.state.lifecycle import Lifecycle
    from serving.experiments.state.store import Store
    from serving.experiments.statistics.verdict import Verdict

Status = dict[str, Any]
_EVENTS: Final = 10
_LONG_STILL: Final = 60.0
"""Seconds from which on it is said that the clock stands still."""


def overview(store: Store, document: ExperimentsDocument) -> Status:
    """Returns every experiment of the document in a line's worth of keys."""
    found = [
        (name, experiment, read_lifecycle(store, name)) for name, experiment in document.experiments.items()
    ]
    return {
        "document": document.version,
        "experiments": [
            {
                "experiment": name,
                "model": experiment.model,
                "phase": life.phase.value,
                "since": life.since,
                "arms": list(experiment.arms),
                "units": sum(counts.units for counts in store.pending(name).values()),
                "out": sorted(life.out),
            }
            for name, experiment, life in found
        ],
    }


def status(store: Store, document: ExperimentsDocument, name: str) -> Status:
    """Returns all that is known of an experiment.

    Args:
        store: The state.
        document: The document as it is now.
        name: The experiment.

    Raises:
        UnknownExperimentError: The document has no such experiment.
        StoreAwayError: The store does not answer.
    """
    experiment = experiment_of(document, name)
    life = read_lifecycle(store, name)
    results = (store.read(results_key(name)) or (0, {}))[1]
    counts = store.pending(name)
    verdict = _verdict(document, store, name, counts, life)
    reward = experiment.reward
    now = store.now()
    processes = replicas(store, now)
    alarms = replica_alarms(processes, document.version, name, running=life.phase is Phase.RUNNING)
    return {
        "experiment": name,
        "document": document.version,
        "model": experiment.model,
        "layer": experiment.layer,
        "unit": unit_words(experiment),
        "mode": experiment.mode.type,
        "control": experiment.control,
        "phase": life.phase.value,
        "since": life.since,
        "winner": life.arm,
        "now": now,
        "reward": reward.model_dump(mode="json") if reward else None,
        **_shares(document, name, life, results),
        "arms": _arms(document, experiment, life, results, counts, verdict),
        "counters": store.counters(name),
        "guardrails": guardrails_report(store, name),
        "shadows": shadow_report(store, name) if experiment.mode.type == "shadow" else {},
        "alarms": [*_alarms(experiment, life, store, name, verdict), *alarms],
        "processes": processes,
        "verdict": verdict.to_json() if verdict else None,
        "events": [asdict(event) for event in store.events(name, limit=_EVENTS)],
    }


def _world(document: ExperimentsDocument, name: str, life: Lifecycle, results: Mapping[str, Any]) -> World:
    learned = results.get("allocator") or {}
    shares = learned.get("probabilities") or {}
    allocation = Allocation(int(learned.get("interval", -1)), dict(shares), learned)
    return World(document, {name: life}, {name: allocation})


def _shares(document: ExperimentsDocument, name: str, life: Lifecycle, results: Mapping[str, Any]) -> Status:
    """Returns whose word counts: the document's, a person's who ramped it since, or the mode's."""
    experiment = document.experiments[name]
    share, weights = _world(document, name, life, results).shares_of(name)
    ramp = life.ramp
    held_share, held = ramp.of(experiment.share, experiment.shares())
    weights_ramped = bool(ramp.weights) and held == ramp.weights
    share_ramped = ramp.share is not None and held_share == ramp.share
    superseded = (bool(ramp.weights) and not weights_ramped) or (ramp.share is not None and not share_ramped)
    decided = experiment.mode.learns and weights != held
    return {
        "share": share,
        "share_from": "ramp" if share_ramped else "document",
        "weights_from": "mode" if decided else "ramp" if weights_ramped else "document",
        "ramp_replaced": superseded,
    }


def _arms(
    document: ExperimentsDocument,
    experiment: ExperimentConfig,
    life: Lifecycle,
    results: Mapping[str, Any],
    counts: Mapping[str, Counts],
    verdict: Verdict | None,
) -> dict[str, Status]:
    name = next(n for n, found in document.experiments.items() if found is experiment)
    _, weights = _world(document, name, life, results).shares_of(name)
    known = {arm.arm: arm for arm in verdict.arms} if verdict else {}
    declared = experiment.shares()
    found = {}
    for arm, config in experiment.arms.items():
        of_arm, seen = counts.get(arm, Counts()), known.get(arm)
        out = life.out.get(arm)
        found[arm] = {
            "target": target_words(document, experiment, config),
            "weight": _weight(arm, experiment.control, weights, life),
            "declared_weight": declared[arm],
            "units": of_arm.units,
            "pending": of_arm.pending,
            "closed": of_arm.closed,
            "rewarded": of_arm.rewarded,
            "counted": seen.units if seen else 0,
            "mean": seen.mean if seen else None,
            "difference": seen.difference if seen else None,
            "low": seen.low if seen else None,
            "high": seen.high if seen else None,
            "waiting": seen.waiting if seen else "",
            "verdict": seen.verdict if seen else "",
            "out": asdict(out) if out else None,
        }
    return found


def _weight(arm: str, control: str, weights: Mapping[str, float], life: Lifecycle) -> float:
    """Returns an arm's share of the experiment now: control has those of the arms that are taken out."""
    if life.phase is Phase.RUNNING:
        removed = sum(share for name, share in weights.items() if name in life.out and name != control)
        return (
            weights.get(arm, 0.0) + removed
            if arm == control
            else 0.0
            if arm in life.out
            else weights.get(arm, 0.0)
        )
    return float(arm == life.arm) if life.arm else 0.0


def _verdict(
    document: ExperimentsDocument, store: Store, name: str, counts: Mapping[str, Counts], life: Lifecycle
) -> Verdict | None:
    """Returns the verdict; None if no reward is declared or no unit was exposed yet."""
    if document.experiments[name].reward is None or not any(of_arm.units for of_arm in counts.values()):
        return None
    from serving.experiments.statistics.asked import caught_up, design_in
    from serving.experiments.statistics.decide import decide

    evidence = caught_up(store, name, design_in(document, name))
    pending = {arm: of_arm.pending for arm, of_arm in counts.items()}
    removed = {arm: out.reason for arm, out in life.out.items()}
    return decide(evidence, pending, evidence.rate(store.now()), removed)


_ALARMS: Final = {
    "units_beyond_limit": "units are beyond most_units: they are assigned, but not evaluated",
    "requests_beyond_limit": "requests are beyond the limit: rewards that name them are unknown",
    "undeclared": "exposures came before the experiment was declared",
}
"""Counters that should be 0 → what they mean."""


def _clock(ahead: float) -> list[str]:
    """Returns what is wrong if the store's clock stands still."""
    if ahead < _LONG_STILL:
        return []
    still = duration_words(round(ahead))
    return [
        f"the state's clock was once wrong and ahead: it stands still for {still}, and no window closes meanwhile"
    ]


def _alarms(
    experiment: ExperimentConfig, life: Lifecycle, store: Store, name: str, verdict: Verdict | None
) -> list[str]:
    counted = store.counters(name)
    found = _clock(store.ahead())
    found += [f"arm {arm} was taken out: {out.reason}" for arm, out in life.out.items()]
    found += [f"{counted[key]:,} {text}" for key, text in _ALARMS.items() if counted.get(key)]
    if verdict is not None and verdict.action == "refuse":
        found.append(verdict.sentence)
    reported = sum(counted.get(key, 0) for key in ("accepted", "unknown"))
    if experiment.reward is not None and counted.get("unknown", 0) * 10 > reported >= 10:
        found.append(f"{counted['unknown']:,} of {reported:,} rewards name a unit or request that is unknown")
    return found
