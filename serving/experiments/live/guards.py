"""The guardrails of all experiments of a process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.live.plan import World
    from serving.experiments.live.results import Results


class Guards(Protocol):
    """What the keeper asks of the guardrails."""

    def take(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Takes answers; nothing waits here."""

    def check(self, world: World, results: Mapping[str, Results]) -> None:
        """Takes arms out that break a rule."""

    def pending(self) -> Iterable[tuple[str, str, str]]:
        """Returns experiment, arm and reason of what is to be taken out, where the store does not know yet."""
