"""Starting, ramping and stopping an experiment: the same for the command line and the endpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from foundation.errors import SpecError, near_miss
from foundation.numbers import bound
from serving.experiments.rewards.targets import UnknownExperimentError
from serving.experiments.state.lifecycle import Lifecycle, Phase, Ramp, change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.state.store import Store

_STEADY: Final = ("split", "shadow")
"""Modes whose weights are a person's to set."""
_CLOSE: Final = 1e-9


@dataclass(frozen=True)
class Asked:
    """What is to be done, where, and by whom.

    Attributes:
        store: The state.
        document: The document as it is now.
        name: The experiment.
        who: Who asks, for the event.
    """

    store: Store
    document: ExperimentsDocument
    name: str
    who: str

    @property
    def experiment(self) -> ExperimentConfig:
        """The experiment in the document.

        Raises:
            UnknownExperimentError: There is none of that name.
        """
        return experiment_of(self.document, self.name)


def experiment_of(document: ExperimentsDocument, name: str) -> ExperimentConfig:
    """Returns an experiment of the document.

    Raises:
        UnknownExperimentError: There is none of that name.
    """
    names = list(document.experiments)
    if name not in names:
        raise UnknownExperimentError(
            f"experiment {name!r:.80}",
            expected=f"one of {', '.join(names)}" if names else "an experiment in the document",
            seen="another" if names else "none",
            remedy=near_miss(name, names),
        )
    return document.experiments[name]


def start(asked: Asked) -> Lifecycle:
    """Begins an experiment, or goes on with one that was stopped: its units, rewards and statistics are still there.

    Raises:
        SpecError: It runs already, or has ended.
    """
    experiment = asked.experiment
    now = asked.store.now()

    def edit(before: Lifecycle) -> Lifecycle:
        if before.phase not in (Phase.DRAFT, Phase.STOPPED):
            ended = before.phase is not Phase.RUNNING
            remedy = "give a new experiment a name of its own" if ended else "nothing is left to do"
            raise _wrong_phase(asked.name, "an experiment that does not run", before, remedy)
        return before.moved_to(Phase.RUNNING, now)

    after = change(asked.store, asked.name, edit)
    shares = ", ".join(f"{arm} {bound(round(share, 6))}" for arm, share in experiment.shares().items())
    _event(asked, "started", f"{asked.name} was started: {shares}", {})
    return after


def stop(asked: Asked, reason: str = "") -> Lifecycle:
    """Ends an experiment without a winner: requests go on unchanged. Rewards are still taken until windows close.

    Raises:
        SpecError: It does not run.
    """
    experiment_of(asked.document, asked.name)
    now = asked.store.now()

    def edit(before: Lifecycle) -> Lifecycle:
        if before.phase is not Phase.RUNNING:
            raise _wrong_phase(asked.name, "an experiment that runs", before, "")
        return before.moved_to(Phase.STOPPED, now)

    after = change(asked.store, asked.name, edit)
    _event(
        asked, "stopped", f"{asked.name} was stopped" + (f": {reason}" if reason else ""), {"reason": reason}
    )
    return after


def ramp(
    asked: Asked, weights: Mapping[str, float], share: float | None = None, *, readmit: bool = False
) -> Lifecycle:
    """Sets arms' shares of a running experiment, or its share of the layer, until the document's own change.

    Arms that are named get what is said; control gives or takes the rest, so that no unit moves between two others.

    Args:
        asked: The experiment.
        weights: Arm → share of the experiment.
        share: The experiment's share of its layer; None leaves it.
        readmit: Whether an arm that was taken out may come back.

    Raises:
        SpecError: It does not run, learns its weights itself, or the shares do not add up.
    """
    experiment = asked.experiment
    declared = experiment.shares()
    if weights and experiment.mode.type not in _STEADY:
        raise SpecError(
            f"experiment {asked.name}",
            expected=f"mode {' or '.join(_STEADY)}, whose weights a person sets",
            seen=f"mode {experiment.mode.type}, which sets them itself",
            remedy="ramp its share, or change the mode",
        )
    if not weights and share is None:
        raise SpecError(
            f"experiment {asked.name}", expected="ARM=SHARE", seen="none", remedy="such as new=20%"
        )

    def edit(before: Lifecycle) -> Lifecycle:
        if before.phase is not Phase.RUNNING:
            remedy = f"penstock experiment start {asked.name}" if before.phase is Phase.DRAFT else ""
            raise _wrong_phase(asked.name, "an experiment that runs", before, remedy)
        held_share, held = before.ramp.of(experiment.share, declared)
        after = _readmitted(before, [arm for arm, weight in weights.items() if weight], readmit)
        kept = held if held != declared else {}
        changed = ramped(held, weights, experiment.control) if weights else kept
        kept_share = held_share if held_share != experiment.share else None
        new_share = kept_share if share is None else share
        return replace(after, ramp=Ramp(new_share, changed, experiment.share, declared))

    after = change(asked.store, asked.name, edit)
    said = [f"{arm} {bound(round(weight, 6))}" for arm, weight in after.ramp.weights.items()]
    if share is not None:
        said.append(f"{bound(share)} of the layer")
    detail = {"weights": after.ramp.weights, "share": after.ramp.share}
    _event(asked, "ramped", f"{asked.name} was ramped: {', '.join(said)}", detail)
    return after


def readmit(asked: Asked, arm: str) -> Lifecycle:
    """Lets an arm in again that was taken out, in whatever mode; its units come back, and its record begins anew.

    Raises:
        SpecError: The arm was not taken out, or the experiment has ended.
    """
    experiment_of(asked.document, asked.name)
    was: dict[str, str] = {}

    def edit(before: Lifecycle) -> Lifecycle:
        if before.phase not in (Phase.RUNNING, Phase.STOPPED):
            raise _wrong_phase(asked.name, "an experiment that runs", before, "")
        if arm not in before.out:
            out = ", ".join(before.out)
            raise SpecError(
                f"arm {arm!r:.80}",
                expected=f"an arm that was taken out: {out}" if out else "an arm that was taken out",
                seen="another" if out else "none was",
                remedy=near_miss(arm, list(before.out)),
            )
        was["reason"] = before.out[arm].reason
        return before.readmitted(arm)

    after = change(asked.store, asked.name, edit)
    text = f"arm {arm} of {asked.name} was let in again; it was out for {was['reason']}"
    _event(asked, "arm_readmitted", text, {"arm": arm, **was})
    return after


def ramped(held: Mapping[str, float], weights: Mapping[str, float], control: str) -> dict[str, float]:
    """Returns the shares after a ramp.

    Args:
        held: The shares in force; they sum to 1.
        weights: The arms that are named, with their new shares.
        control: The arm that gives or takes the rest, unless it is named too.

    Raises:
        SpecError: An arm is unknown, or the shares do not sum to 1.
    """
    for arm, weight in weights.items():
        if arm not in held:
            near = near_miss(arm, list(held))
            raise SpecError(
                f"arm {arm!r:.80}", expected=f"one of {', '.join(held)}", seen="another", remedy=near
            )
        if not (math.isfinite(weight) and 0 <= weight <= 1):
            raise SpecError(f"arm {arm}", expected="a share from 0% to 100%", seen=f"{weight:g}")
    after = {**held, **weights}
    rest = 1 - sum(share for arm, share in after.items() if arm != control)
    if control not in weights:
        after[control] = max(0.0, rest)
    if rest < -_CLOSE or abs(after[control] - rest) > _CLOSE:
        others = [arm for arm in held if arm != control and arm not in weights]
        raise SpecError(
            "the shares of all arms",
            expected="100% in all",
            seen=f"{bound(round(sum(after.values()), 6))}: "
            + " + ".join(f"{arm} {bound(round(share, 6))}" for arm, share in after.items()),
            remedy=f"name {' and '.join(others)} too"
            if others
            else f"leave {control} out: it takes the rest",
        )
    return after


def _readmitted(before: Lifecycle, arms: list[str], readmit: bool) -> Lifecycle:
    for arm in arms:
        if arm in before.out and not readmit:
            raise SpecError(
                f"arm {arm}",
                expected="an arm that takes part",
                seen=f"taken out: {before.out[arm].reason}",
                remedy="--readmit puts it back",
            )
        before = before.readmitted(arm)
    return before


def _wrong_phase(name: str, expected: str, seen: Lifecycle, remedy: str) -> SpecError:
    words = {Phase.DRAFT: "it was never started", Phase.RUNNING: "it runs"}
    text = words.get(seen.phase, f"it was {seen.phase.value.replace('_', ' ')}")
    return SpecError(f"experiment {name}", expected=expected, seen=text, remedy=remedy)


def _event(asked: Asked, kind: str, text: str, detail: Mapping[str, object]) -> None:
    asked.store.event(asked.name, kind, f"{text} (by {asked.who})", {**detail, "by": asked.who})
