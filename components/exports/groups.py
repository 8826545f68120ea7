"""The number that says beside a test row which rows share its split key, without saying what the key is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GROUP_FEATURE = "(group)"
"""Feature of test rows with the number of their split key; never part of statistics, schema or model."""
GROUPS = 1024
"""Numbers a group can have: enough for errors over groups, too few to tell one key among thousands."""
_PREFIX = b"penstock group\0"


def group_numbers(keys: Sequence[str], secret: bytes = b"") -> np.ndarray:
    """Returns the number of the group of each key, int64 [keys]: equal for equal keys, on every machine and in every run.

    It is independent of the hash that decides the split.

    Args:
        keys: Text of each row's split key.
        secret: Key of the privacy policy, if it has one; without it whoever knows a key can compute its number.
    """
    import numpy as np

    found: dict[str, int] = {}
    for key in keys:
        if key not in found:
            found[key] = _number(_PREFIX + key.encode("utf-8", "surrogatepass"), secret)
    return np.fromiter((found[key] for key in keys), np.int64, len(keys))


def _number(text: bytes, secret: bytes) -> int:
    digest = hmac.digest(secret, text, "sha256") if secret else hashlib.sha256(text).digest()
    return int.from_bytes(digest[:8], "big") % GROUPS
