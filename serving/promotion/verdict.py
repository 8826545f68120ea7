"""The verdict that a promotion has to respect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.errors import DataError, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from serving.experiments.control.actions import Asked
    from serving.experiments.statistics.verdict import Verdict


def verdict_or_why(asked: Asked, folder: Path) -> Verdict:
    """Returns the verdict; where there can be none yet, or no reward is declared, that is what it says.

    Args:
        asked: The experiment.
        folder: The document's folder.

    Raises:
        SpecError: There is no such experiment.
        StorageError: The state cannot be read.
    """
    from serving.experiments.statistics.asked import verdict_of
    from serving.experiments.statistics.verdict import Verdict as Said

    _ = asked.experiment
    try:
        return verdict_of(asked.document, folder, asked.name)
    except (DataError, SpecError) as error:
        return Said("wait", "", f"none, {error}", "")
