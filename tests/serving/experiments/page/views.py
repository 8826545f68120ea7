"""Experiments as the page sees them: one in progress, one just begun, one with everything that is long or wrong."""

from __future__ import annotations

import math
from dataclasses import replace

from serving.experiments.page.view import ArmView, ExperimentView, Happening, TrafficView

NOW = 1_790_000_000.0


def narrowing(points: int, difference: float) -> list[list[float | None]]:
    """Returns the history of an interval: none for the first looks, then narrowing."""
    found: list[list[float | None]] = []
    for i in range(1, points + 1):
        half = 2.0 / math.sqrt(i * 50)
        waiting = i < 5
        found.append(
            [
                i * 50.0,
                NOW - 60 * (points - i),
                difference,
                None if waiting else difference - half,
                None if waiting else difference + half,
            ]
        )
    return found


def arm(name: str, **values: object) -> ArmView:
    given: dict[str, object] = {
        "target": f"label {name}", "control": False, "state": "in", "reason": "", "share": 0.5, "units": 5000,
        "counted": 4200, "pending": 800, "mean": 0.42,
    }  # fmt: skip
    return ArmView(name, **{**given, **values})  # type: ignore[arg-type]


RUNNING = ExperimentView(
    name="new_model",
    model="retention",
    phase="running",
    mode="split: fixed shares",
    unit="header penstock-unit",
    reward="came_back, 0 or 1, within 7 days",
    now=NOW,
    document="0a1b2c3d4e5f",
    action="wait",
    sentence="Wait: about 3,000 more units, 5 hours at this rate.",
    flip="Promote as soon as the interval of new lies above 0.",
    warnings=("12 rewards were reported for units that no arm has seen.",),
    confidence=0.95,
    margin=0.01,
    noun="unit",
    planned=20_000,
    counted=8400,
    rate=612.0,
    arms=(
        arm("old", control=True, share=0.9),
        arm("new", share=0.1, mean=0.47, difference=0.05, low=0.01, high=0.09, history=narrowing(160, 0.05)),
    ),
    traffic=TrafficView(
        60.0,
        [NOW - 60 * (30 - i) for i in range(30)],
        {"old": [540 + 40 * (i % 7) for i in range(30)], "new": [60 + 9 * (i % 5) for i in range(30)]},
    ),
    happenings=(
        Happening(NOW - 90, "ramped", "new from 5% to 10%, by anna", alarm=False),
        Happening(NOW - 3600, "started", "started by anna", alarm=False),
    ),
    facts={"layer": "default, 100% of its units"},
)
BEGUN = replace(
    RUNNING,
    action="",
    sentence="No unit has come yet.",
    flip="",
    warnings=(),
    counted=0,
    rate=None,
    arms=(
        arm("old", control=True, units=0, counted=0, pending=0, mean=None),
        arm("new", units=0, counted=0, pending=0, mean=None, waiting="no units yet"),
    ),
    traffic=None,
    happenings=(),
    facts={},
)
_LONG = "a_very_long_name_that_has_no_place_where_a_browser_may_break_it"
FULL = replace(
    RUNNING,
    name=_LONG,
    model='<script>alert("x")</script>',
    action="refuse",
    sentence="Not to be trusted: 52.1% of units were assigned to old where 50.0% were meant.",
    arms=(
        arm("control", control=True, mean=12_345_678.9, share=0.2, units=12_345_678),
        arm(_LONG, mean=-0.00001234, difference=-9_876_543.2, low=-12_345_678.9, high=-1.5,
            history=narrowing(3, -1.0), state="out", reason="5 failures in a row: UNAVAILABLE"),
        *(arm(f"arm-{i}", share=0.1, difference=0.1 * i, low=-0.2, high=0.4 + i, history=narrowing(40, 0.1 * i))
          for i in range(6)),
    ),
    traffic=TrafficView(1.0, [NOW], {"control": [3]}),
    happenings=tuple(
        Happening(NOW - i, "arm_removed", f"{_LONG} was taken out: & <b>5 failures</b> in a row", alarm=i % 2 == 0)
        for i in range(12)
    ),
)  # fmt: skip
