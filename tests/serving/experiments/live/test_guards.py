"""Guardrails in a running process: an arm that fails is out at once, also while the store is away."""

from __future__ import annotations

from serving.experiments.state.store import StoreAwayError
from tests.serving.experiments.live.conftest import Open, experiment
from tests.serving.experiments.live.plane import Plane

_UNAVAILABLE = 14


def fails(plane: Plane) -> None:
    """Sends requests of which the new arm fails all."""
    for n in range(200):
        route = plane.live.route("m")
        assert route is not None
        choice = route.choose(f"user-{n}", f"r{n}", None)
        assert choice is not None
        plane.call(f"user-{n}", code=_UNAVAILABLE if choice.arm == "new" else 0)


def test_an_arm_that_fails_is_taken_out_and_stays_out(opened: Open) -> None:
    plane = opened(experiment("guardrails: {failures_in_a_row: 3}"))
    plane.start("e")
    fails(plane)
    plane.live.tick()
    assert {plane.call(f"user-{n}")[0].arm for n in range(200)} == {"old"}  # type: ignore[union-attr]
    plane.live.tick()
    assert "new" in plane.live.keeper.world.life("e").out
    assert [event.kind for event in plane.live.store.events("e")] == ["arm_removed"]
    again = opened()
    assert {again.call(f"user-{n}")[0].arm for n in range(200)} == {"old"}  # type: ignore[union-attr]


def test_a_store_that_is_away_keeps_neither_answers_nor_guardrails_waiting(opened: Open) -> None:
    plane = opened(experiment("guardrails: {failures_in_a_row: 3}"))
    plane.start("e")
    store = plane.live.store
    working = store._writing, store._reading  # type: ignore[attr-defined]

    def away(**_: object) -> None:
        raise StoreAwayError("the database", seen="no answer")

    store._writing = store._reading = away  # type: ignore[attr-defined]
    fails(plane)
    plane.live._take()
    plane.live._keep()
    assert {plane.call(f"user-{n}")[0].arm for n in range(200)} == {"old"}  # type: ignore[union-attr]
    assert plane.live.parts.failures["state"] > 0
    store._writing, store._reading = working  # type: ignore[attr-defined]
    plane.live.tick()
    plane.live.tick()
    assert "new" in plane.live.keeper.world.life("e").out
    assert sum(counts.units for counts in store.pending("e").values()) == 200
    assert "state" not in plane.live.parts.latest
