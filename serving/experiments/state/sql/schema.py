"""The tables of the state, in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""The version of the tables. A store of a newer one is refused."""

CREATE: Final = (
    "CREATE TABLE IF NOT EXISTS penstock_clock (one BIGINT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS penstock_documents (key TEXT PRIMARY KEY, version BIGINT NOT NULL, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS penstock_experiments (
        id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, metric TEXT NOT NULL, span DOUBLE PRECISION NOT NULL,
        repeated TEXT NOT NULL, most_units BIGINT NOT NULL,
        kept_units BIGINT NOT NULL, kept_requests BIGINT NOT NULL, next_seq BIGINT NOT NULL, closed_seq BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS penstock_units (
        experiment BIGINT NOT NULL, seq BIGINT NOT NULL, key TEXT NOT NULL, epoch BIGINT NOT NULL, arm TEXT NOT NULL,
        at DOUBLE PRECISION NOT NULL, propensity DOUBLE PRECISION NOT NULL, tbl BIGINT NOT NULL,
        propensities TEXT, covariate DOUBLE PRECISION, context TEXT, single BIGINT NOT NULL,
        PRIMARY KEY (experiment, seq)){clustered}""",
    "CREATE UNIQUE INDEX IF NOT EXISTS penstock_units_key ON penstock_units (experiment, key, epoch)",
    "CREATE INDEX IF NOT EXISTS penstock_units_single ON penstock_units (experiment, at) WHERE single = 1",
    """CREATE TABLE IF NOT EXISTS penstock_requests (
        experiment BIGINT NOT NULL, request TEXT NOT NULL, key TEXT NOT NULL, epoch BIGINT NOT NULL,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (experiment, request)){clustered}""",
    "CREATE INDEX IF NOT EXISTS penstock_requests_at ON penstock_requests (experiment, at)",
    """CREATE TABLE IF NOT EXISTS penstock_rewards (
        experiment BIGINT NOT NULL, seq BIGINT NOT NULL, metric TEXT NOT NULL, value DOUBLE PRECISION NOT NULL,
        at DOUBLE PRECISION NOT NULL, PRIMARY KEY (experiment, seq, metric)){clustered}""",
    """CREATE TABLE IF NOT EXISTS penstock_counters (
        experiment TEXT NOT NULL, name TEXT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (experiment, name))""",
    """CREATE TABLE IF NOT EXISTS penstock_events (
        number BIGINT PRIMARY KEY, experiment TEXT NOT NULL, at DOUBLE PRECISION NOT NULL, kind TEXT NOT NULL,
        text TEXT NOT NULL, detail TEXT NOT NULL)""",
)
"""Statements that create what is missing.

``single`` marks a request that is a unit of its own; ``{clustered}`` is what the database calls a table that is kept in its key's order; ``span`` is a window's length:
``window`` is a word of SQL.
"""

UNITS: Final = {
    "experiment": "bigint",
    "seq": "bigint",
    "key": "text",
    "epoch": "bigint",
    "arm": "text",
    "at": "double precision",
    "propensity": "double precision",
    "tbl": "bigint",
    "propensities": "text",
    "covariate": "double precision",
    "context": "text",
    "single": "bigint",
}
"""Columns of ``penstock_units`` and their types, in the order in which rows are written."""

REQUESTS: Final = {
    "experiment": "bigint",
    "request": "text",
    "key": "text",
    "epoch": "bigint",
    "at": "double precision",
}
"""The same of ``penstock_requests``."""

REWARDS: Final = {
    "experiment": "bigint",
    "seq": "bigint",
    "metric": "text",
    "value": "double precision",
    "at": "double precision",
}
"""The same of ``penstock_rewards``."""
