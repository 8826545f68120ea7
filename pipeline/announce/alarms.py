"""News of an alarm: by name and reason, of an experiment's guardrails, or of what validation found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.validation_gate.result import Validation, stopped_folder
from foundation.errors import DataError
from foundation.stores.brought import looked_at
from pipeline.announce.news import News

if TYPE_CHECKING:
    from pipeline.announce.airflow import AssetEvent
    from pipeline.lineage.records import Artifact, Execution
    from pipeline.lineage.store import Lineage

_GATE = "ValidationGate"
_OF_THE_DATA = ("anomaly", "drift")
"""Kinds of findings that say that the data is other than before."""
_SHOWN = 3
_LONGEST = 1000


def alarm(name: str, reason: str, quiet: float, clock: Callable[[], float] = time.time) -> News:
    """Returns the news of a named alarm.

    Args:
        name: Its name: an alarm of the same name is the same, whatever numbers are in its reason.
        reason: Why, in words.
        quiet: Seconds after which an alarm that goes on is sent again.
        clock: Returns the time in seconds since the epoch.
    """

    def same(event: AssetEvent) -> bool:
        return event.extra.get("alarm") == name and event.at > clock() - quiet

    return News("alarm", {"alarm": name, "reason": reason[:_LONGEST]}, same)


def of_experiment(text: str, kinds: Collection[str], quiet: float) -> News | str:
    """Returns the news of what the ``alert`` of an experiments' document is called with.

    Args:
        text: The JSON.
        kinds: The kinds that are alarms: a promotion is told in the same way.
        quiet: As for ``alarm``.

    Returns:
        The news; the kind, where it is no alarm.

    Raises:
        DataError: It is no alert.
    """
    try:
        told: Any = json.loads(text)
        kind, experiment, arm, reason = (str(told[key]) for key in ("kind", "experiment", "arm", "reason"))
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(
            "alert on standard input",
            expected="the JSON that the alert of an experiments' document is called with",
            seen="another text" if text.strip() else "nothing",
            remedy="name this command under alert: {command: […]} of the experiments' document",
        ) from error
    return alarm(f"{experiment}.{arm}.{kind}", reason, quiet) if kind in kinds else kind


def of_validation(lineage: Lineage, root: Path) -> News | None:
    """Returns the news of the anomalies and the drift that the last validation found; None if it found none.

    The same findings on the same span are sent once for all time: the run that they start may find them again.

    Args:
        lineage: The pipeline's lineage.
        root: The pipeline root.

    Raises:
        DataError: No data has been validated, or the report is gone.
    """
    judged = [
        e for e in lineage.executions() if e.node == _GATE and e.state in ("COMPLETE", "CACHED", "FAILED")
    ]
    last = max(judged, key=lambda e: e.id, default=None)
    known = lineage.artifacts()
    found = _report(last, known, root) if last else None
    if last is None or found is None:
        raise DataError(
            _GATE,
            expected="the report of the last validation",
            seen="none",
            remedy=f"penstock run --to {_GATE}",
        )
    messages = [one.message for one in found.findings if one.kind in _OF_THE_DATA]
    if not messages:
        return None
    more = f"; and {len(messages) - _SHOWN} more" if len(messages) > _SHOWN else ""
    extra: dict[str, Any] = {
        "alarm": "validation",
        "reason": ("; ".join(messages[:_SHOWN]) + more)[:_LONGEST],
    }
    extra |= {"span": span} if (span := _span(last, known)) else {}
    return News("alarm", extra, lambda event: all(event.extra.get(key) == extra[key] for key in extra))


def _report(execution: Execution, known: dict[int, Artifact], root: Path) -> Validation | None:
    if execution.state == "FAILED":
        return Validation.find(stopped_folder(root / "artifacts" / _GATE, execution.id))
    made = (known[i] for ids in execution.outputs.values() for i in ids if i in known)
    folders = (looked_at(artifact.uri) for artifact in made)
    return next(filter(None, map(Validation.find, folders)), None)


def _span(execution: Execution, known: dict[int, Artifact]) -> int:
    taken = (known[i] for ids in execution.inputs.values() for i in ids if i in known)
    return max((int(artifact.properties.get("span") or 0) for artifact in taken), default=0)
