"""The verbs of the control endpoints: what each takes, and what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from foundation.errors import DataError, near_miss
from foundation.quantities import share_of
from serving.experiments.control import actions
from serving.experiments.control.actions import Asked
from serving.experiments.control.answers import RefusedError

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store

VERBS: Final = {
    "start": (),
    "stop": ("reason",),
    "ramp": ("weights", "share", "readmit"),
    "readmit": ("arm",),
    "promote": ("arm", "label", "anyway"),
    "rollback": ("anyway",),
}
"""Verb → the keys that its body may have besides ``by``."""

_LONGEST_BY: Final = 100
_LONGEST_TEXT: Final = 500


class Promoter(Protocol):
    """Ends an experiment by moving the model server's labels."""

    def promote(self, asked: Asked, arm: str, label: str, *, anyway: bool) -> str:
        """Lets an arm answer everything; returns what was done, in words."""

    def rollback(self, asked: Asked, *, anyway: bool) -> str:
        """Lets control answer everything; returns what was done, in words."""


@dataclass(frozen=True)
class Call:
    """A call of a control endpoint.

    Attributes:
        store: The state.
        document: The document as it is now.
        name: The experiment.
        verb: The verb.
        body: The JSON value of the body.
    """

    store: Store
    document: ExperimentsDocument
    name: str
    verb: str
    body: Any


def act(call: Call, promoter: Promoter | None) -> str:
    """Does what a call asks for, and returns what was done, in one sentence. Nothing is done if the body is wrong.

    Raises:
        DataError: The body is wrong.
        PenstockError: The experiment is not in a state for it.
    """
    given, keys = call.body, ("by", *VERBS[call.verb])
    if not isinstance(given, dict):
        raise DataError("body", expected="an object", seen="something else", remedy="send {}")
    stray = [key for key in given if key not in keys]
    if stray:
        near = near_miss(str(stray[0]), list(keys))
        raise DataError(
            f"body: {stray[0]!r:.60}", expected=f"one of {', '.join(keys)}", seen="another key", remedy=near
        )
    by = _text(given, "by", _LONGEST_BY)
    asked = Asked(call.store, call.document, call.name, f"{by} over HTTP" if by else "HTTP")
    if call.verb == "start":
        actions.start(asked)
    elif call.verb == "stop":
        actions.stop(asked, _text(given, "reason"))
    elif call.verb == "ramp":
        _ramp(asked, given)
    elif call.verb == "readmit":
        actions.readmit(asked, _text(given, "arm"))
    elif promoter is None:
        raise RefusedError(501, call.verb, expected="a process that moves labels", seen="none")
    elif call.verb == "promote":
        return promoter.promote(
            asked, _text(given, "arm"), _text(given, "label"), anyway=_flag(given, "anyway")
        )
    else:
        return promoter.rollback(asked, anyway=_flag(given, "anyway"))
    return f"experiment {call.name}: {call.verb} by {asked.who}"


def _ramp(asked: Asked, given: dict[str, Any]) -> None:
    weights, share, readmit = given.get("weights", {}), given.get("share"), given.get("readmit", False)
    if not isinstance(weights, dict) or not isinstance(readmit, bool):
        raise DataError("body", expected='{"weights": {"ARM": 0.2}, "readmit": false}', seen="something else")
    checked = {arm: _share(weight, f"weights: {arm!r:.60}") for arm, weight in weights.items()}
    actions.ramp(asked, checked, None if share is None else _share(share, "share"), readmit=readmit)


def _flag(given: dict[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise DataError(key, expected="true or false", seen="something else")
    return value


def _text(given: dict[str, Any], key: str, longest: int = _LONGEST_TEXT) -> str:
    value = given.get(key, "")
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise DataError(
            key, expected=f"text of at most {longest} characters in one line", seen="something else"
        )
    return value


def _share(value: Any, subject: str) -> float:
    try:
        share = share_of(value)
    except ValueError as error:
        raise DataError(subject, expected="a share such as 20% or 0.2", seen=repr(value)[:40]) from error
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise DataError(subject, expected="a share such as 20% or 0.2", seen=repr(value)[:40])
    return float(share)
