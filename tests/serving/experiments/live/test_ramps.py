from __future__ import annotations

from pathlib import Path

from serving.experiments.control import actions
from serving.experiments.control.actions import Asked
from serving.experiments.control.status import status
from serving.experiments.document.reader import read_document
from tests.serving.experiments.live.conftest import ARMS, Open, experiment


def test_a_ramp_that_the_document_overtook_does_not_come_back_with_the_former_document(
    opened: Open, document: Path
) -> None:
    plane = opened(experiment())
    asked = Asked(plane.live.store, read_document(document), "e", "maria")
    actions.start(asked)
    actions.ramp(asked, {"new": 0.5}, 0.8)
    plane.live.tick()
    assert status(plane.live.store, plane.live.document, "e")["weights_from"] == "ramp"

    document.write_text(experiment(arms=ARMS.replace("80%", "70%").replace("20%", "30%")))
    plane.live.tick()
    seen = status(plane.live.store, plane.live.document, "e")
    assert (seen["weights_from"], seen["share_from"]) == ("document", "ramp")
    assert seen["events"][-1]["kind"] == "ramp_ended"

    document.write_text(experiment())
    plane.live.tick()
    seen = status(plane.live.store, plane.live.document, "e")
    assert (seen["weights_from"], seen["arms"]["new"]["weight"]) == ("document", 0.2)


def test_a_ramp_outlives_edits_of_anything_else(opened: Open, document: Path) -> None:
    plane = opened(experiment())
    asked = Asked(plane.live.store, read_document(document), "e", "maria")
    actions.start(asked)
    actions.ramp(asked, {"new": 0.5})
    plane.live.tick()
    document.write_text(experiment("fallback: control"))
    plane.live.tick()
    assert plane.live.document.experiments["e"].fallback == "control"
    assert status(plane.live.store, plane.live.document, "e")["weights_from"] == "ramp"
