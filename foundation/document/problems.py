"""What is wrong with a document, and where: one problem, and the error that carries all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sized
from dataclasses import dataclass

from foundation.errors import SpecError

Path = tuple[str | int, ...]
"""The way to a value in the document: keys, and indices of list items."""

_SECRET_KEY = re.compile(r"passw|secret|token|credential|api_?key|private", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"://[^/\s]*:[^/\s]*@|passw(or)?d\s*=|secret\s*=|token\s*=", re.IGNORECASE)
_PLAIN_KEY = re.compile(r"[^\s.\[\]\"']+")
_SHOWN = 60


@dataclass(frozen=True)
class Position:
    """A place in a file, or the option of the command line that gave a value."""

    source: str
    """Path of the file as it was given, or ``--set a.b``."""
    line: int = 0
    """From 1; 0 where there are no lines."""
    column: int = 0
    """From 1."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the document."""

    path: Path
    """The key it is about; empty for the document as a whole."""
    what: str
    """What is wrong, in plain words; may be empty where expected and seen say it."""
    expected: str = ""
    """What would have been right."""
    seen: str = ""
    """What is there instead; never a secret."""
    remedy: str = ""
    """What to do, or the near miss."""
    at: Position | None = None
    """Where it is; None for a document that was built in Python."""
    on_key: bool = False
    """Whether the key is wrong rather than its value; decides the column that is shown."""

    def __str__(self) -> str:
        said = [self.what] if self.what else []
        said += [f"expected {self.expected}"] if self.expected else []
        said += [f"seen: {self.seen}"] if self.seen else []
        said += [self.remedy] if self.remedy else []
        places = [str(self.at)] if self.at else []
        path = show_path(self.path)
        if path and not (places and places[0].endswith(" " + path)):
            places.append(path)
        return ": ".join([*places, "; ".join(said)])


class SpecErrors(SpecError):  # noqa: N818 (it carries several)
    """Everything that is wrong with a document, at once: a line for each problem.

    Args:
        problems: At least one; shown in the order of their places.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def single(
        cls, what: str, at: Position, path: Path = (), *, expected: str = "", remedy: str = ""
    ) -> SpecErrors:
        """Returns the error of one problem; its arguments are those of ``Problem``."""
        return cls([Problem(path, what, expected=expected, remedy=remedy, at=at)])

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps the problems when the error is pickled."""
        return (SpecErrors, (self.problems,))


def _order(problem: Problem) -> tuple[str, int, int]:
    return (problem.at.source, problem.at.line, problem.at.column) if problem.at else ("", 0, 0)


def show_path(path: Path) -> str:
    """Returns ``data.fields."profile.country".type``: a key that holds a dot is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _PLAIN_KEY.fullmatch(part) else '"' + part.replace('"', '\\"') + '"'
            text += f".{shown}" if text else shown
    # A line break or a control character in a key would break the message into two.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show_value(value: object, path: Path = ()) -> str:
    """Returns a value of the document for a message: short, in YAML's words, and never a secret."""
    if any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path):
        return "(not shown)"
    if isinstance(value, dict):
        return f"a mapping of {_count(value, 'key')}" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {_count(value, 'item')}" if value else "an empty list"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if _SECRET_VALUE.search(value):
            return "(not shown)"
        return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
    return str(value)


def _count(values: Sized, noun: str) -> str:
    return f"{len(values)} {noun}" if len(values) == 1 else f"{len(values)} {noun}s"
