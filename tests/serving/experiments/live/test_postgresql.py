"""Two processes on one PostgreSQL server that crashes under load and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.experiments.live.live import Live
from serving.experiments.state.lifecycle import Phase, change
from tests import postgresql
from tests.serving.experiments.live.conftest import experiment
from tests.serving.experiments.live.plane import Clock, Plane

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(postgresql.missing()), reason=postgresql.missing() or "there"),
]


def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds; gives up after a generous while."""
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def test_a_database_that_crashes_costs_neither_arms_nor_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "experiments.yaml"
    mode = "mode: {type: thompson, every: 1s, step: 5%}"
    text = experiment(mode).replace("window: 1h", "window: 2s")
    document.write_text(f"state: {{postgresql: STATE_URL}}\n{text}")
    with postgresql.running() as server:
        server.create("live")
        monkeypatch.setenv("STATE_URL", server.url("live"))
        lives = [Live(document, lead=0.3) for _ in range(2)]
        planes = [Plane(live, Clock()) for live in lives]
        try:
            change(lives[0].store, "e", lambda life: life.moved_to(Phase.RUNNING, lives[0].store.now()))
            until(lambda: all(live.route("m") is not None for live in lives))
            for n in range(300):
                planes[n % 2].call(f"user-{n}")
            until(lambda: all(len(live.keeper.memories["e"]) == 300 for live in lives))
            server.stop()
            for n in range(600):
                # Known units go to both processes, new ones to the one that they began with.
                planes[n % 2].call(f"user-{n}")
                if n < 300:
                    planes[1 - n % 2].call(f"user-{n}")
            until(lambda: all("state" in live.parts.latest for live in lives))
            server.start()
            until(lambda: all(live.keeper.results["e"].evidence.closed == 600 for live in lives))
            for n in range(600):
                for plane in planes:
                    plane.call(f"user-{n}")
            arms: dict[str, set[str]] = {}
            for plane in planes:
                for unit, seen in plane.arms.items():
                    arms.setdefault(unit, set()).update(seen)
            assert {unit for unit, seen in arms.items() if len(seen) > 1} == set()
            assert lives[0].store.counters("e").get("units_switched", 0) == 0
            assert lives[0].keeper.results["e"].evidence.assigned.units == 600
            assert postgresql.PASSWORD not in str([live.parts.latest for live in lives])
        finally:
            for live in lives:
                live.close()
