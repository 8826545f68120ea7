"""Ends an experiment: an arm is promoted, or everything goes back to control."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import PenstockError, SpecError, near_miss
from serving.experiments.state.lifecycle import Lifecycle, Phase, change, read_lifecycle
from serving.promotion.move import Move, PromotionError, move
from serving.promotion.records import Recorder, Transition, promotion_key
from serving.promotion.targets import Goal, connected, goal

if TYPE_CHECKING:
    from serving.experiments.control.actions import Asked
    from serving.experiments.guardrails.alerts import Alerts
    from serving.experiments.statistics.verdict import Verdict

log = logging.getLogger(__name__)


class LabelPromoter:
    """Promotes and rolls back. Labels first, then the experiment's state: the same command again completes what was cut off.

    Args:
        folder: The document's folder.
        verdict: What the statistics say of an experiment now.
        record: Writes to the lineage; None writes nothing there.
        alerts: Who hears of it.
    """

    def __init__(
        self,
        folder: Path,
        verdict: Callable[[Asked], Verdict],
        record: Recorder | None = None,
        alerts: Alerts | None = None,
    ) -> None:
        self._folder, self._verdict, self._record, self._alerts = folder, verdict, record, alerts

    def promote(self, asked: Asked, arm: str = "", label: str = "", *, anyway: bool = False) -> str:
        """Lets an arm answer everything, and moves the label of control's version to the arm's.

        Args:
            asked: The experiment, and who asks.
            arm: The arm; empty means the one that the verdict names, or the only one besides control.
            label: The label; empty looks for it.
            anyway: Promotes whatever the verdict is.

        Returns:
            What was done, in sentences.

        Raises:
            PenstockError: The verdict is another one, or a server refuses; nothing is changed.
        """
        experiment, life = asked.experiment, read_lifecycle(asked.store, asked.name)
        verdict = self._verdict(asked)
        arm = arm or _only(verdict, [one for one in experiment.arms if one != experiment.control])
        _promotable(asked, life, arm)
        if not anyway:
            _agreed(asked, verdict, arm)
        with connected(asked.document, self._folder) as servers:
            found = goal(asked.document, experiment, arm, servers, label)
            found, notes = self._moved(asked, arm, found)
        overruled = anyway and not (verdict.action == "promote" and verdict.arm == arm)
        said = [*_sentences(asked.name, arm, found, overruled, verdict), *notes]
        return self._finish(asked, Phase.PROMOTED, arm, found, said, verdict.sentence, overruled)

    def rollback(self, asked: Asked, *, anyway: bool = False) -> str:
        """Lets control answer everything, and takes back the label that a promotion moved.

        Args:
            asked: The experiment, and who asks.
            anyway: Moves the label even if somebody else has moved it since.

        Returns:
            What was done, in sentences.

        Raises:
            PenstockError: A server refuses; nothing is changed.
        """
        experiment, life = asked.experiment, read_lifecycle(asked.store, asked.name)
        if life.phase is Phase.DRAFT:
            raise SpecError(
                f"experiment {asked.name}",
                expected="one that was started",
                seen="a draft",
                remedy="nothing is left to do",
            )
        control, found = experiment.arms[experiment.control], Goal(experiment.model, None, None, None)
        notes: list[str] = []
        stored = asked.store.read(promotion_key(asked.name))
        if stored and stored[1].get("label"):
            found, notes = self._taken_back(asked, stored[1], anyway)
        found = Goal(
            control.model or experiment.model,
            found.version or control.version,
            None,
            found.move,
            found.servers,
        )
        said = [f"experiment {asked.name} was rolled back: control {experiment.control} answers everything"]
        if found.move:
            said.append(f"label {found.move.label} points at version {found.move.after} again")
        return self._finish(asked, Phase.ROLLED_BACK, experiment.control, found, [*said, *notes], "", anyway)

    def _moved(self, asked: Asked, arm: str, found: Goal) -> tuple[Goal, list[str]]:
        """Moves the label, after writing down what a rollback will have to take back; returns what was moved from where."""
        if found.move is None:
            return found, []
        version, before = asked.store.read(promotion_key(asked.name)) or (0, {})
        wanted = found.move
        if before.get("label") == wanted.label and before.get("after") == wanted.after:
            wanted = Move(
                wanted.model, wanted.label, before["before"], wanted.after
            )  # the rest of what was cut off
        note = {
            "arm": arm, "model": wanted.model, "label": wanted.label, "before": wanted.before, "after": wanted.after,
            "backends": [server.name for server in found.servers],
        }  # fmt: skip
        if note != before and not asked.store.write(promotion_key(asked.name), note, version):
            raise PromotionError(
                f"experiment {asked.name}", expected="no other promotion", seen="one under way"
            )
        return replace(found, move=wanted), move(found.servers, wanted)

    def _taken_back(self, asked: Asked, note: dict[str, Any], anyway: bool) -> tuple[Goal, list[str]]:
        wanted = Move(note["model"], note["label"], note["after"], note["before"])
        with connected(asked.document, self._folder) as servers:
            missing = [name for name in note["backends"] if name not in servers]
            if missing:
                raise SpecError(
                    f"backend {missing[0]}", expected="in the document, as when its label was moved", seen="not there",
                    remedy="put it back, or move the label by hand",
                )  # fmt: skip
            involved = tuple(servers[name] for name in note["backends"])
            if anyway:
                now = involved[0].version_of(wanted.model, wanted.label)
                wanted = Move(wanted.model, wanted.label, now, wanted.after)
            notes = move(involved, wanted)
        version, _ = asked.store.read(promotion_key(asked.name)) or (0, {})
        asked.store.write(promotion_key(asked.name), {}, version)
        return Goal(wanted.model, wanted.after, None, wanted, involved), notes

    def _finish(
        self, asked: Asked, phase: Phase, arm: str, found: Goal, said: list[str], verdict: str, anyway: bool
    ) -> str:
        now = asked.store.now()
        moved = found.move
        answers = moved.label if moved and moved.after is not None else ""
        change(asked.store, asked.name, lambda life: life.moved_to(phase, now, arm, answers))
        transition = Transition(
            phase.value, asked.name, arm, found.model, found.version, moved.label if moved else "", moved.before if moved else None,
            tuple(server.name for server in found.servers), asked.who, now, verdict, anyway,
        )  # fmt: skip
        if self._record:
            said.append(self._recorded(self._record, transition))
        text = " ".join(f"{one[0].upper()}{one[1:].rstrip('.')}." for one in said)
        asked.store.event(asked.name, phase.value, f"{text} (by {asked.who})", transition.to_json())
        if self._alerts:
            self._alerts.send({**transition.to_json(), "reason": text})
        return text

    @staticmethod
    def _recorded(record: Recorder, transition: Transition) -> str:
        try:
            return record(transition)
        except PenstockError as error:
            log.warning("promotion: not in the lineage: %s", error)
            return f"it is not in the lineage: {error}"


def _only(verdict: Verdict, challengers: list[str]) -> str:
    if verdict.action == "promote":
        return verdict.arm
    return challengers[0] if len(challengers) == 1 else ""


def _promotable(asked: Asked, life: Lifecycle, arm: str) -> None:
    """Refuses an arm that there is not, control, and an experiment that never ran or has ended otherwise."""
    experiment, subject = asked.experiment, f"experiment {asked.name}"
    challengers = [one for one in experiment.arms if one != experiment.control]
    if arm == experiment.control:
        raise SpecError(
            subject,
            expected="an arm other than control",
            seen=arm,
            remedy="to keep control: penstock experiment rollback",
        )
    if arm not in challengers:
        raise SpecError(
            subject,
            expected=f"an arm, one of {', '.join(challengers)}",
            seen=arm or "none",
            remedy=near_miss(arm, challengers),
        )
    if life.phase not in (Phase.RUNNING, Phase.STOPPED) and (life.phase, life.arm) != (Phase.PROMOTED, arm):
        raise SpecError(
            subject, expected="one that runs or was stopped", seen=life.phase.value.replace("_", " "),
            remedy="start it, or give a new experiment a name of its own",
        )  # fmt: skip


def _agreed(asked: Asked, verdict: Verdict, arm: str) -> None:
    """Refuses what the statistics do not say."""
    if verdict.action == "promote" and verdict.arm == arm:
        return
    raise PromotionError(
        f"experiment {asked.name}: arm {arm}", expected=f"the verdict: promote {arm}", seen=verdict.sentence,
        remedy="wait, or overrule it with --anyway",
    )  # fmt: skip


def _sentences(name: str, arm: str, found: Goal, overruled: bool, verdict: Verdict) -> list[str]:
    against = f" although the verdict was: {verdict.sentence}" if overruled else ""
    said = [f"arm {arm} of {name} was promoted and answers everything{against}"]
    version = f"version {found.version}" if found.version is not None else "its version"
    if found.move:
        where = ", ".join(server.name for server in found.servers)
        before = "was new" if found.move.before is None else f"pointed at version {found.move.before}"
        return [
            *said,
            f"label {found.move.label} of model {found.model} points at {version} at {where} (it {before})",
        ]
    said.append(f"no label of model {found.model} was moved: the router sends its requests to {version}")
    if found.newest is not None and found.newest != found.version:
        said.append(
            f"requests that bypass the router get the newest version, {found.newest}: --label NAME gives them a label to ask for"
        )
    elif found.newest is not None:
        said.append(
            "requests that bypass the router get it too, because it is the newest, until a newer one is pushed"
        )
    return said
