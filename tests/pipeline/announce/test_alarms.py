"""Alarms: by name, of guardrails, of what validation found."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from components.validation_gate.result import Finding, Validation, stopped_folder
from foundation.errors import DataError
from pipeline.announce.airflow import Airflow
from pipeline.announce.alarms import alarm, of_experiment, of_validation
from pipeline.announce.news import News, announce
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from tests.pipeline.announce.double import AirflowDouble

DAY = 86400.0
REMOVED = {"kind": "arm_removed", "experiment": "e", "arm": "new", "reason": "5 failures in a row", "at": 1.0}
DRIFT = Finding("drift", "country", "0.05 at most", "0.3")
LEAK = Finding("leakage", "paid", "no copy of the label", "one")


def test_an_alarm_that_goes_on_is_sent_again_after_the_quiet_time(
    server: AirflowDouble, airflow: Airflow
) -> None:
    sent = []
    for hour in (0, 1, 23, 25, 26):
        at = 1_790_000_000.0 + hour * 3600
        server.clock = clock_of = partial(float, at)
        sent.append(announce(airflow, "learners", alarm("drift", f"{hour}", DAY, clock_of)).sent)
    assert sent == [True, False, False, True, False]


def test_an_arm_that_was_taken_out_is_an_alarm_and_a_promotion_is_none() -> None:
    news = of_experiment(json.dumps(REMOVED), {"arm_removed"}, DAY)
    assert isinstance(news, News)
    assert news.extra == {"alarm": "e.new.arm_removed", "reason": "5 failures in a row"}
    assert of_experiment(json.dumps({**REMOVED, "kind": "promoted"}), {"arm_removed"}, DAY) == "promoted"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kind": "arm_removed"}'])
def test_what_is_no_alert_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="remedy: name this command under alert"):
        of_experiment(text, {"arm_removed"}, DAY)


def gate(number: int, state: str, **outputs: tuple[int, ...]) -> Execution:
    return Execution(number, "ValidationGate", state, {}, "r", 0.0, 1.0, {"statistics": (1,)}, outputs)


def judged(folder: Path, *executions: Execution) -> MemoryLineage:
    statistics = Artifact(1, "ExampleStatistics", "/s", "LIVE", {"span": 20455})
    return MemoryLineage(list(executions), [statistics, Artifact(2, "ValidationReport", str(folder), "LIVE")])


def test_drift_that_a_run_only_warned_of_is_an_alarm_and_leakage_is_none(tmp_path: Path) -> None:
    Validation(warnings=(DRIFT, LEAK), leakage=(LEAK,)).write(tmp_path)
    news = of_validation(judged(tmp_path, gate(1, "COMPLETE", report=(2,))), tmp_path)
    assert news is not None
    assert news.extra == {
        "alarm": "validation",
        "reason": "drift in country: expected 0.05 at most; seen: 0.3",
        "span": 20455,
    }
    Validation(leakage=(LEAK,)).write(tmp_path)
    assert of_validation(judged(tmp_path, gate(1, "COMPLETE", report=(2,))), tmp_path) is None


def test_what_stopped_a_run_is_sent_once_although_the_run_that_it_starts_finds_it_again(
    server: AirflowDouble, airflow: Airflow, tmp_path: Path
) -> None:
    findings = tuple(Finding("anomaly", f"f{n}", "an int", "a text", stops=True) for n in range(5))
    for execution in (7, 8):
        folder = stopped_folder(tmp_path / "artifacts" / "ValidationGate", execution)
        folder.mkdir(parents=True)
        Validation(anomalies=findings).write(folder)
    server.clock = lambda: 0.0  # long ago
    for execution, expected in ((7, True), (8, False)):
        news = of_validation(judged(tmp_path, gate(1, "COMPLETE"), gate(execution, "FAILED")), tmp_path)
        assert news is not None
        assert announce(airflow, "learners", news).sent is expected
    assert server.extras("alarm")[0]["reason"].endswith("; and 2 more")


def test_data_that_was_never_validated_gives_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="remedy: penstock run --to ValidationGate"):
        of_validation(judged(tmp_path), tmp_path)
