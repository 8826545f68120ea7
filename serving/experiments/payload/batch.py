"""Reads the requests and answers of a batch once for everybody who looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.experiments.payload import read
from serving.experiments.payload.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.experiments.contract import Outcome

MOST_ROWS: Final = 100
MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Pair:
    """What a request and its answer hold.

    Attributes:
        request: The rows of inputs.
        response: The rows of outputs; none if the answer is an error.
    """

    request: Rows
    response: Rows


class Reader:
    """Reads bodies; keeps what it read of the last outcomes, so that log, metrics and guardrails share it.

    Args:
        most_rows: Rows of a body that are read.
        most_bytes: Size above which a body is not read.
    """

    def __init__(self, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._most = (most_rows, most_bytes)
        self._kept: dict[int, tuple[Outcome, Pair]] = {}

    def read(self, outcomes: Sequence[Outcome]) -> list[Pair]:
        """Returns what each outcome holds; those of the call before are not read again."""
        before, self._kept = self._kept, {}
        found = []
        for outcome in outcomes:
            # The outcome is kept too: another one cannot have its id in the meantime.
            entry = before.get(id(outcome)) or (outcome, self._pair(outcome))
            self._kept[id(outcome)] = entry
            found.append(entry[1])
        return found

    def _pair(self, outcome: Outcome) -> Pair:
        request = read.request(outcome.api, outcome.method, outcome.request, None, *self._most)
        if outcome.code:
            return Pair(request, Rows())
        return Pair(request, read.response(outcome.api, outcome.method, outcome.response, *self._most))
