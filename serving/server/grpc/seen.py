"""What a call says about itself while it is answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Seen:
    """What is known about a request, for metrics and the log.

    Attributes:
        model: The model's name.
        version: The version that answers; None until it is known.
        signature: The effective signature name.
    """

    model: str = ""
    version: int | None = None
    signature: str = ""
