"""An arm that a guardrail took out comes back when a person says so, in every mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import SpecError
from serving.experiments.control import actions
from serving.experiments.control.actions import Asked
from serving.experiments.document.reader import parse_document
from serving.experiments.state.lifecycle import Phase, change, read_lifecycle
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Store

DOCUMENT = """
experiments:
  e: {{model: m, control: old, arms: {{old: {{version: 1}}, new: {{version: 2}}}}, reward: {{metric: x}}, mode: {mode}}}
"""


def out(store: Store, mode: str, phase: Phase = Phase.RUNNING) -> Asked:
    """Returns an experiment of which an arm was taken out."""
    change(store, "e", lambda life: life.moved_to(phase, 1.0).without("new", "5 failures in a row", 2.0))
    return Asked(store, parse_document(DOCUMENT.format(mode=mode), "experiments.yaml"), "e", "ada")


@pytest.mark.parametrize("mode", ["split", "thompson", "shadow"])
def test_an_arm_comes_back_and_the_event_says_who_and_why_it_was_out(tmp_path: Path, mode: str) -> None:
    store = SqliteStore(tmp_path / "e.db")
    actions.readmit(out(store, mode), "new")
    assert read_lifecycle(store, "e").out == {}
    event = store.events("e")[-1]
    assert event.kind == "arm_readmitted"
    assert event.text == "arm new of e was let in again; it was out for 5 failures in a row (by ada)"
    store.close()


@pytest.mark.parametrize(
    ("arm", "phase", "message"),
    [
        ("nwe", Phase.RUNNING, "did you mean 'new'"),
        ("old", Phase.RUNNING, "taken out: new"),
        ("new", Phase.PROMOTED, "it was promoted"),
    ],
    ids=["unknown", "in", "ended"],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arm: str, phase: Phase, message: str) -> None:
    store = SqliteStore(tmp_path / "e.db")
    with pytest.raises(SpecError, match=message):
        actions.readmit(out(store, "split", phase), arm)
    store.close()
