"""Opens the store that the document names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from foundation.errors import SpecError
from serving.experiments.state.store import Rules

if TYPE_CHECKING:
    from pathlib import Path

    from serving.experiments.rewards.config import RewardConfig
    from serving.experiments.state.config import StateConfig
    from serving.experiments.state.store import Store


def open_store(config: StateConfig, folder: Path) -> Store:
    """Opens the store that the document names.

    Args:
        config: The ``state`` slice of the document.
        folder: The document's folder.

    Raises:
        SpecError: The environment variable with the database's URL is missing or wrong.
        StorageError: The file cannot be used.
    """
    if config.postgresql is None:
        from serving.experiments.state.sqlite import SqliteStore

        return SqliteStore(folder / config.sqlite)
    url = os.environ.get(config.postgresql, "")
    if not url:
        raise SpecError(
            f"state: postgresql: {config.postgresql}",
            expected="the URL of a database in this environment variable",
            seen="an empty one" if config.postgresql in os.environ else "no such variable",
            remedy=f"export {config.postgresql}=postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        )
    from serving.experiments.state.postgresql import PostgresqlStore

    return PostgresqlStore(url, config.postgresql)


def rules_of(reward: RewardConfig | None) -> Rules:
    """Returns what the store must know of an experiment; without a reward, units are counted only."""
    if reward is None:
        return Rules("", 0.0)
    return Rules(reward.metric, reward.window, reward.repeated, reward.most_units)
