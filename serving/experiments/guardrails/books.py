"""The two books of the comparison with control: evidence since the beginning, and of the present hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final

from serving.experiments.guardrails.bets import Bets

EVER: Final = "ever"
"""The book in which a unit counts once."""
HOUR: Final = "hour"
"""The book in which a unit counts once an hour."""

Tests = dict[str, dict[str, Bets]]
"""Arm → what is compared (``errors``, ``slow``) → the evidence."""


@dataclass
class Books:
    """The evidence of both books.

    Attributes:
        tests: Book → evidence.
        number: The number of the hour that the second one is about; -1 before the first.
        first: The number of the first hour.
    """

    tests: dict[str, Tests] = field(default_factory=lambda: {EVER: {}, HOUR: {}})
    number: int = -1
    first: int = -1

    @property
    def empty(self) -> bool:
        """Whether there is no evidence at all."""
        return not any(self.tests.values())

    def begin(self, number: int) -> None:
        """Begins an hour."""
        self.number, self.tests[HOUR] = number, {}

    def forget(self, arm: str) -> None:
        """Forgets an arm."""
        for tests in self.tests.values():
            tests.pop(arm, None)

    def plus(self, more: Books, arms: Sequence[str], names: Sequence[str], again: Sequence[str]) -> Books:
        """Returns the evidence of both; of two hours the later one's.

        Args:
            more: What was counted since.
            arms: The arms.
            names: What is compared.
            again: Arms that begin anew: only what was counted since is theirs.
        """
        found = Books(
            number=max(self.number, more.number), first=self.first if self.first >= 0 else more.number
        )
        for book in (EVER, HOUR):
            for arm in arms:
                sources = [self, more] if arm not in again else [more]
                kept = [
                    one.tests[book].get(arm, {})
                    for one in sources
                    if book == EVER or one.number == found.number
                ]
                found.tests[book][arm] = {
                    name: reduce(Bets.plus, (tests[name] for tests in kept if name in tests), Bets())
                    for name in names
                }
        return found

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        tests = {
            book: {arm: {name: bets.to_json() for name, bets in of.items()} for arm, of in found.items()}
            for book, found in self.tests.items()
        }
        return {"tests": tests, "number": self.number, "first": self.first}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Books:
        """Returns what ``to_json`` gave, exactly."""
        tests = {
            book: {
                arm: {name: Bets.from_json(bets) for name, bets in of.items()} for arm, of in found.items()
            }
            for book, found in value["tests"].items()
        }
        return cls(tests, int(value["number"]), int(value["first"]))
