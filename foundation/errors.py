"""The error tree of Penstock; every error that a user can cause or meet is in it.

    PenstockError                 exit code 1
    ├── SpecError                 2   the document: syntax, unknown keys, contradictions
    ├── DataError                 3   an export, a schema or a split is not what it must be
    │   └── AnomalyError          3   validation found anomalies and the document says stop
    ├── UserCodeError             4   a person's module does not import or breaks its contract
    ├── NodeError                 5   a node of the pipeline failed
    ├── LockedError               6   another run holds the pipeline
    ├── StorageError              7   a path cannot be read or written, a disk is full
    └── MetadataError             8   the ML Metadata store refuses or is of another version

A message names its subject, what was expected, what was seen and the remedy. Whether the same again may end well, since
what was in the way passes by itself, is said by ``may_pass``: schedulers try such a task again, and no other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

_MARK = "Penstock's error: "
"""In front of an error as JSON, in what a traceback says."""


class PenstockError(Exception):
    """Root of every error that Penstock raises on purpose.

    Args:
        subject: What the error is about (a file, a key, a node), with its place where known.
        expected: What would have been right.
        seen: What was found instead; never a secret and never a raw personal value.
        remedy: What the person can do next.
    """

    exit_code = 1
    may_pass = False
    """Whether the same again may end well: a store that did not answer, a run that holds a lock."""
    _tagged_with_step = True
    """Has Beam raise it as it is: otherwise another takes its place, with all that it says for a subject."""

    def __init__(self, subject: str, *, expected: str = "", seen: str = "", remedy: str = "") -> None:
        self.subject, self.expected, self.seen, self.remedy = subject, expected, seen, remedy
        super().__init__(self.render())

    def passing(self, may_pass: bool = True) -> Self:
        """Returns the error, with whether the same again may end well."""
        self.may_pass = may_pass
        return self

    def render(self) -> str:
        """Returns the one-line message: subject, expected, seen, remedy."""
        parts = [self.subject]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.seen:
            parts.append(f"seen: {self.seen}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy}")
        return "; ".join(parts)

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # always of what it now is, see ``passing``
        """What Python writes below it in a traceback, which is all that some engines tell of an error: see ``told_in``."""
        return [_MARK + json.dumps(as_json(self), default=str)]

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the error whole when Beam or a process pool pickles it."""
        parts = (self.subject, self.expected, self.seen, self.remedy)
        return (_rebuild, (type(self), *parts, self.may_pass))


def _rebuild(
    kind: type[PenstockError], subject: str, expected: str, seen: str, remedy: str, may_pass: bool = False
) -> PenstockError:
    return kind(subject, expected=expected, seen=seen, remedy=remedy).passing(may_pass)


def as_json(error: PenstockError) -> dict[str, Any]:
    """Returns an error as plain JSON, for the process that started this one."""
    parts = [error.subject, error.expected, error.seen, error.remedy]
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == __name__)
    return {"kind": kind.__name__, "parts": parts, "may_pass": error.may_pass}


def from_json(told: Mapping[str, Any]) -> PenstockError | None:
    """Returns the error that ``as_json`` told of; None if it is of no kind that is known here."""
    kind = globals().get(told["kind"])
    if not (isinstance(kind, type) and issubclass(kind, PenstockError)):
        return None
    subject, expected, seen, remedy = told["parts"]
    return _rebuild(kind, subject, expected, seen, remedy, told["may_pass"])


def told_in(text: str) -> PenstockError | None:
    """Returns the error that a traceback tells of, the last of several; None without.

    Args:
        text: What an engine says, with the traceback of one of its workers.
    """
    for line in reversed(text.splitlines()):
        _, marked, told = line.partition(_MARK)
        if marked:
            with suppress(ValueError, KeyError, TypeError):  # cut off, or someone else's words
                if error := from_json(json.JSONDecoder().raw_decode(told)[0]):
                    return error
    return None


class SpecError(PenstockError):
    """The document cannot be read or contradicts itself."""

    exit_code = 2


class DataError(PenstockError):
    """An export, a schema or a split is not what it must be."""

    exit_code = 3


class AnomalyError(DataError):
    """Validation found anomalies and the document says to stop."""


class UserCodeError(PenstockError):
    """A person's module does not import, or its function breaks its contract."""

    exit_code = 4


class NodeError(PenstockError):
    """A node of the pipeline failed."""

    exit_code = 5


class LockedError(PenstockError):
    """Another run holds the pipeline."""

    exit_code = 6
    may_pass = True


class StorageError(PenstockError):
    """A path cannot be read or written, or a disk is full."""

    exit_code = 7


class MetadataError(PenstockError):
    """The ML Metadata store refuses, or is of another version."""

    exit_code = 8


def near_miss(word: str, known: list[str]) -> str:
    """Returns ``did you mean 'x'?`` for the closest known word, or an empty string."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
