from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.experiments.live.plane import Clock, Plane, plane

ARMS = "arms: {old: {version: 1, weight: 80%}, new: {version: 2, weight: 20%}}"
Open = Callable[..., Plane]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "experiments.yaml"


@pytest.fixture
def opened(document: Path, clock: Clock) -> Iterator[Open]:
    """Opens processes on the document, and closes them."""
    there: list[Plane] = []

    def opens(text: str = "", lead: float = 0.0) -> Plane:
        if text:
            document.write_text(text)
        there.append(plane(document, clock, lead))
        return there[-1]

    yield opens
    for one in there:
        one.live.close()


def experiment(keys: str = "", arms: str = ARMS, name: str = "e", model: str = "m") -> str:
    """Returns a document with one experiment."""
    return (
        f"experiments:\n  {name}: {{model: {model}, control: old, {arms}, reward: {{window: 1h}}, {keys}}}\n"
    )
