"""The ``guardrails`` slice of an experiment and the document's ``alert``: when an arm is taken out, and who hears of it."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from foundation.config import Allowance, Config
from foundation.quantities import Duration, Share


class SlowConfig(Config):
    """What counts as slow, and how much more of it than control an arm may have."""

    ms: float = Field(gt=0)
    """A slower answer than this many milliseconds is slow; control's p99 is a good choice."""
    share: Share = 0.01
    """How much larger than control's the arm's share of slow answers may be."""


class GuardrailsConfig(Config):
    """When an arm is taken out. It comes back only when a person says so. Control is never taken out: it alarms."""

    failures_in_a_row: int | None = Field(default=5, ge=2)
    """Failures in a row that take an arm out at once; null turns this off."""
    hang: Annotated[Duration, Field(gt=0)] | None = 10.0
    """An answer that takes longer is a failure, whatever its code; null turns this off."""
    nan_share: Share | None = 0.2
    """Share of the last 50 answers with a NaN or an infinity above which an arm is taken out; null turns this off."""
    errors: Share | None = 0.01
    """How much larger than control's an arm's share of errors may be; null turns this off."""
    slower_than: SlowConfig | None = None
    """How much larger than control's an arm's share of slow answers may be; without it, latency takes no arm out."""
    reward: Allowance | None = None
    """How much less than control an arm may earn: in the reward's unit, or a share of control's such as 5%."""
    alpha: Annotated[Share, Field(gt=0, lt=0.5)] = 0.01
    """Chance that an arm no worse than allowed is ever taken out by the comparisons, all of them together."""


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address that begins with http:// or https://")
    if parts.username or parts.password:
        raise ValueError("expected no user or password in it; name an environment variable with token")
    return url


Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class AlertConfig(Config):
    """Who hears of an arm taken out, an alarm of control, a promotion or a rollback: an address, a command, or both.

    Both get the same JSON: the event's kind, experiment, arm, reason and time.
    """

    url: Annotated[str, AfterValidator(_web_address)] | None = None
    """Address that gets the JSON by POST."""
    url_variable: Variable | None = None
    """Name of the environment variable that holds the address, where the address itself is a secret."""
    token: Variable | None = None
    """Name of the environment variable that holds the address's bearer token."""
    command: tuple[str, ...] = ()
    """Command and arguments, run without a shell; the JSON is its standard input."""
    timeout: Annotated[Duration, Field(gt=0, le=300)] = 10.0
    """How long one call may take."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"url": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if not self.url and not self.url_variable and not self.command:
            raise ValueError("expected url, command or both")
        if self.url and self.url_variable:
            raise ValueError("give either url or url_variable")
        if self.token and not (self.url or self.url_variable):
            raise ValueError("token belongs to url, which is not given")
        return self
