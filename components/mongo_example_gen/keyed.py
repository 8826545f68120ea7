"""The features by which a prediction is led back to its document: its ``_id`` as Extended JSON, and the id's type.

Where ``_id`` is hashed, the hash stands in place of the id, and the type beside it still tells ``5`` from ``"5"``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.formats.base import Block
from components.exports.identity import ID_FEATURE, TYPE_FEATURE, WITHOUT, Identity, identities
from components.exports.tally import Tally
from components.mongo_example_gen.plan import ID, Plan
from foundation.privacy import keyed_hash, read_key


class Keys:
    """Makes the columns of documents to be predicted.

    Args:
        plan: The plan; its privacy policy decides whether ids are hashed.
        tally: Documents without an ``_id`` are counted here.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._hashed, self._key, self._tally = ID in plan.privacy.rules, read_key(plan.privacy), tally

    def columns(self, block: Block, kind: str, places: Sequence[int]) -> dict[str, pa.Array]:
        """Returns feature → list array, for the documents at these places of a block."""
        found = identities(block, kind, places)
        self._tally[count.WITHOUT_ID] += sum(one.type == WITHOUT for one in found)
        return {
            ID_FEATURE: _texts([self._written(one) for one in found]),
            TYPE_FEATURE: _texts([one.type for one in found]),
        }

    def _written(self, one: Identity) -> str:
        if not self._hashed or one.type == WITHOUT:
            return one.json
        return json.dumps(keyed_hash(self._key, one.plain.encode("utf-8", "surrogatepass")).decode())


def _texts(values: list[str]) -> pa.Array:
    ones: np.ndarray = np.ones(len(values), np.int32)
    return list_array(pa.array([one.encode() for one in values], pa.large_binary()), ones, ones.astype(bool))
