"""Identity of a query's data, computed without asking BigQuery because planning is offline."""

from __future__ import annotations

import hashlib

from components.bigquery_example_gen.config import BigQueryConfig
from components.exports.source import ResolvedInput


def resolve_query(config: BigQueryConfig) -> ResolvedInput:
    """Returns an input without files, fingerprinted by the query."""
    digest = hashlib.blake2b(config.query.encode(), digest_size=16).hexdigest()
    return ResolvedInput(None, None, (), digest)
