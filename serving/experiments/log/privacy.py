"""The privacy policy on the values of a request: closed, so that what a rule cannot handle is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foundation.errors import SpecError
from foundation.privacy import protect, read_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.log.config import LogPrivacyConfig


class Protector:
    """Applies the rules of the log to columns of values.

    Args:
        config: The rules.
        environment: Holds the key of ``hash``; None means the process's own.

    Raises:
        SpecError: A rule hashes, and the key is missing or too short.
    """

    def __init__(self, config: LogPrivacyConfig, environment: Mapping[str, str] | None = None) -> None:
        self._policy = config.policy()
        self._dates = frozenset(
            name for name, rule in self._policy.rules.items() if isinstance(rule.generalise, str)
        )
        try:
            self._key = read_key(self._policy, environment)
        except SpecError as error:
            raise SpecError(
                "log.privacy: hash", expected=error.expected, seen=error.seen, remedy=error.remedy
            ) from error

    def protects(self, name: str) -> bool:
        """Returns whether there is a rule for a feature."""
        return name in self._policy.rules

    def column(self, name: str, values: list[Any]) -> list[Any] | None:
        """Returns a column as it may be written.

        Args:
            name: The feature.
            values: Its values, nested lists included.

        Returns:
            The values; None instead of each that the rule does not fit, such as text where it expects a number. None in
            place of the column if it is dropped.
        """
        rule = self._policy.rules.get(name)
        if rule is None:
            return values
        return None if rule.drop else [self._value(name, value) for value in values]

    def _value(self, name: str, value: Any) -> Any:
        if type(value) is list:
            return [self._value(name, item) for item in value]
        if type(value) is float and not self._policy.rules[name].generalise and not value.is_integer():
            return None  # a fraction is no identifier: the pipeline refuses the rule too
        try:
            done = protect(self._policy, self._key, {name: value}, self._dates)[name]
        except (TypeError, ValueError, OverflowError):
            return None
        return done.decode("utf-8", "replace") if type(done) is bytes else done
