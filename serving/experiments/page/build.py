"""Makes the views of the page from the document and the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from foundation.numbers import bound
from serving.experiments.control.status import status
from serving.experiments.page.traffic import traffic_key, traffic_view
from serving.experiments.page.view import IN, OUT, ArmView, ExperimentView, Happening
from serving.experiments.state.lifecycle import results_key

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.state.store import Store

_MODES: Final = {
    "split": "split: fixed shares",
    "shadow": "shadow: control answers, the others get copies",
    "thompson": "Thompson sampling: shares follow the probability of being best",
    "epsilon_greedy": "epsilon-greedy: most go to the best so far",
    "ucb": "upper confidence bound: most go to the highest bound",
    "linear": "contextual linear bandit: shares follow the request's features",
}
_WHOSE: Final = {"document": "the document", "ramp": "a ramp since", "mode": "the mode"}
_HAPPENINGS: Final = 40
_ALARMING: Final = ("arm_removed", "alarm", "mismatch", "refused", "failed")
_SPANS: Final = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def views(store: Store, document: ExperimentsDocument) -> list[ExperimentView]:
    """Returns the views of all experiments, in the document's order."""
    return [view_of(store, document, name) for name in document.experiments]


def view_of(store: Store, document: ExperimentsDocument, name: str) -> ExperimentView:
    """Returns the view of one experiment.

    Args:
        store: The state.
        document: The document as it is now.
        name: The experiment.

    Raises:
        UnknownExperimentError: The document has no such experiment.
        StoreAwayError: The store does not answer.
    """
    said = status(store, document, name)
    experiment = document.experiments[name]
    verdict = said["verdict"] or {}
    evidence = ((store.read(results_key(name)) or (0, {}))[1]).get("evidence") or {}
    planned, now = experiment.planned, float(said["now"])
    arms = sorted(said["arms"].items(), key=lambda item: item[0] != experiment.control)
    traffic = store.read(traffic_key(name))
    return ExperimentView(
        name=name,
        model=experiment.model,
        phase=str(said["phase"]),
        mode=_MODES.get(experiment.mode.type, experiment.mode.type),
        unit=str(said["unit"]),
        reward=_reward_words(experiment),
        now=now,
        document=document.version,
        action=str(verdict.get("action", "")),
        sentence=_sentence(str(verdict.get("sentence", "")) or _nothing_yet(experiment, said)),
        flip=_sentence(str(verdict.get("flip", ""))),
        warnings=[_sentence(text) for text in (*verdict.get("warnings", ()), *said["alarms"])],
        confidence=1 - planned.alpha,
        margin=planned.margin,
        noun="request" if experiment.unit.request else "unit",
        planned=planned.units,
        counted=int(verdict.get("units", 0)),
        rate=_rate(evidence, now),
        arms=[_arm(arm, seen, experiment, evidence) for arm, seen in arms],
        traffic=traffic_view(traffic[1] if traffic else None, now),
        happenings=_happenings(store, name, (name, *experiment.arms)),
        facts=_facts(experiment, said),
    )


def _arm(
    name: str, seen: Mapping[str, Any], experiment: ExperimentConfig, evidence: Mapping[str, Any]
) -> ArmView:
    out = seen["out"]
    control = name == experiment.control
    return ArmView(
        name=name,
        target=seen["target"],
        control=control,
        state=OUT if out else IN,
        reason=_sentence(out["reason"]) if out else "",
        share=seen["weight"],
        units=seen["units"],
        counted=seen["counted"],
        pending=seen["pending"],
        mean=seen["mean"],
        difference=None if control else seen["difference"],
        low=None if control else seen["low"],
        high=None if control else seen["high"],
        waiting="" if control else seen["waiting"],
        history=evidence.get("histories", {}).get(name, {}).get("points", ()),
    )


def _rate(evidence: Mapping[str, Any], now: float) -> float | None:
    """Returns the units assigned per hour over the latest half of the known time; None if it cannot be said."""
    points = [
        p for p in evidence.get("arrivals", {}).get("points", ()) if p[0] is not None and p[1] is not None
    ]
    if len(points) < 2:
        return None
    middle = points[len(points) // 2 - 1]
    seconds = max(now, points[-1][1]) - middle[1]
    return float(points[-1][0] - middle[0]) / seconds * 3600 if seconds > 0 else None


def _nothing_yet(experiment: ExperimentConfig, said: Mapping[str, Any]) -> str:
    if said["phase"] == "draft":
        return "the experiment has not begun: requests go on unchanged"
    if experiment.reward is None:
        return "the document names no reward, so arms are not compared"
    units = sum(arm["units"] for arm in said["arms"].values())
    if units:
        return f"{units:,} units came, and none is past its window yet"
    return "no unit has come yet"


def _sentence(text: str, names: Iterable[str] = ()) -> str:
    """Returns a text with a capital letter and a full stop; the name of an experiment or an arm stays as it is."""
    text = text.strip()
    if not text:
        return ""
    first = text.partition(" ")[0]
    if first.isalpha() and first not in names:
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _happenings(store: Store, name: str, names: tuple[str, ...]) -> list[Happening]:
    events = store.events(name, limit=_HAPPENINGS)
    return [
        Happening(event.at, event.kind, _sentence(event.text, names), event.kind.startswith(_ALARMING))
        for event in reversed(events)
    ]


def _reward_words(experiment: ExperimentConfig) -> str:
    reward = experiment.reward
    if reward is None:
        return ""
    kind = "0 or 1" if reward.type == "binary" else "a number"
    missing = "counts as 0" if reward.missing == "failure" else "is left out"
    return f"{reward.metric}, {kind}, within {_span(reward.window)}; a missing one {missing}"


def _span(seconds: float) -> str:
    for size, word in _SPANS:
        if seconds >= size:
            number = seconds / size
            return f"{number:g} {word}{'' if number == 1 else 's'}"
    return f"{seconds:g} seconds"


def _facts(experiment: ExperimentConfig, said: Mapping[str, Any]) -> dict[str, str]:
    counters = said["counters"]
    rewards = ", ".join(
        f"{counters[key]:,} {key.replace('_', ' ')}"
        for key in ("accepted", "repeated", "conflicting", "unknown", "too_late")
        if counters.get(key)
    )
    facts = {
        "layer": f"{experiment.layer}, {bound(round(said['share'], 6))} of its units by {_WHOSE[said['share_from']]}",
        "shares of arms": f"by {_WHOSE[said['weights_from']]}",
        "fallback": "control answers where an arm fails" if experiment.fallback == "control" else "none",
    }
    return {**facts, "rewards": rewards} if rewards else facts
