"""The two stores: each test runs on a SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.experiments.state.postgresql import PostgresqlStore
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward, Rules, Store
from tests import postgresql

KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.integration),
]
RULES = Rules("retained", window=100.0)
Opener = Callable[..., Store]
_NUMBERS = itertools.count()


class Clock:
    """A test double of a machine's clock."""

    def __init__(self, at: float = 1_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="session")
def database_server() -> Iterator[postgresql.Server]:
    if reason := postgresql.missing():
        pytest.skip(reason)
    with postgresql.running() as server:
        server.create("states")
        yield server


def new_state(server: postgresql.Server) -> str:
    """Returns the URL of an empty schema: a database for each test would take seconds to remove."""
    import psycopg

    schema = f"state{next(_NUMBERS)}"
    with psycopg.connect(server.url("states")) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server.url('states')}?options=-csearch_path%3D{schema}"


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same state as often as it is called, as several replicas do."""
    opened: list[Store] = []
    if request.param == "postgresql":
        server: postgresql.Server = request.getfixturevalue("database_server")
        url = new_state(server)

        def make(clock: Callable[[], float] | None = None) -> Store:
            opened.append(PostgresqlStore(url, "STATE_URL", clock))
            return opened[-1]
    else:

        def make(clock: Callable[[], float] | None = None) -> Store:
            opened.append(SqliteStore(tmp_path / "experiments.db", clock))
            return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(opener: Opener, clock: Clock) -> Store:
    """A store with an experiment ``e`` whose windows last 100 seconds."""
    made = opener(clock)
    made.declare("e", RULES)
    return made


def exposure(unit: str, arm: str = "new", request: str = "", **more: object) -> Exposure:
    return Exposure("e", unit, request or f"r-{unit}", arm, 0.5, **more)  # type: ignore[arg-type]


def by_unit(unit: str, value: float = 1.0) -> Reward:
    return Reward("e", "retained", value, key=unit)


def by_request(request: str, value: float = 1.0) -> Reward:
    return Reward("e", "retained", value, request_id=request)
