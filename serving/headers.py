"""The names of what requests and answers carry for experiments: HTTP headers over REST, metadata over gRPC."""

from __future__ import annotations

from typing import Final

UNIT: Final = "penstock-unit"
"""The unit of a request, unless the experiment's document names another header."""
REQUEST_ID: Final = "penstock-request-id"
"""The id of a request: from the client, or else made for it; answers carry it, and rewards name it."""
ARM: Final = "penstock-arm"
"""The experiment and the arm that answered, ``EXPERIMENT/ARM``."""
