"""Version labels: the check to pass before any part of a new configuration is applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.config.model_config import ServerConfig

Table = Mapping[str, Mapping[str, int]]


def check(
    config: ServerConfig, current: Table, available: Callable[[str, int], bool], *, allow_unavailable: bool
) -> None:
    """Refuses a configuration with a label that cannot be set now.

    Args:
        config: The new configuration.
        current: The current labels: model → label → version.
        available: Returns whether a version of a model is available now.
        allow_unavailable: Whether a new or unchanged label may point at an unavailable version.

    Raises:
        ServingError: FAILED_PRECONDITION; no part of the configuration may be applied then.
    """
    for model in config.models:
        for label, version in model.labels.items():
            moves = current.get(model.name, {}).get(label, version) != version
            if (allow_unavailable and not moves) or available(model.name, version):
                continue
            raise ServingError(
                Code.FAILED_PRECONDITION,
                f"Request to assign label to version {version} of model {model.name}, "
                "which is not currently available for inference",
            )
