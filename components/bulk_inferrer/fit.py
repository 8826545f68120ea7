"""Whether an earlier model can predict these documents: whether they hold what it reads.

A model takes a feature that the document no longer reads for one without a value, and predicts all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from components.evaluator import comparable
from components.evaluator.rows import decoded
from components.mongo_example_gen.result import Ingestion
from foundation.tfrecord import read_gz

_LOOKED_AT = 1000
"""Rows whose types are compared: ingestion gives all rows of a feature one type."""


def why_unfit(model: str, examples: str, files: Sequence[Path]) -> str:
    """Returns why a model cannot predict these documents; empty if it can.

    Args:
        model: Folder of the SavedModel.
        examples: Folder of the Examples, with the ingestion's report.
        files: Its shards.
    """
    needed = comparable.needs(model)
    ingestion = Ingestion.find(examples)
    read = (
        {field.feature for field in ingestion.fields if field.privacy != "drop"} if ingestion else set(needed)
    )
    rows = list(itertools.islice(itertools.chain.from_iterable(map(read_gz, files)), _LOOKED_AT))
    retyped = comparable.look(decoded(rows), needed).retyped if rows else {}
    sight = comparable.Sight(retyped, frozenset(needed) - read)
    return comparable.why_not(sight, needed, (), len(rows))
