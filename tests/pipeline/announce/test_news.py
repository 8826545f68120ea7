"""A piece of news is sent once, and never to a DAG that would not hear it."""

from __future__ import annotations

import pytest

from foundation.errors import PenstockError
from pipeline.announce.airflow import Airflow
from pipeline.announce.alarms import alarm
from pipeline.announce.news import announce
from tests.pipeline.announce.double import AirflowDouble

DAY = 86400.0


def test_the_same_news_twice_is_sent_once(server: AirflowDouble, airflow: Airflow) -> None:
    first = announce(airflow, "learners", alarm("accuracy", "0.69", DAY))
    again = announce(airflow, "learners", alarm("accuracy", "0.68", DAY))
    assert (first.sent, again.sent) == (True, False)
    assert again.event.id == first.event.id
    assert announce(airflow, "learners", alarm("latency", "900 ms", DAY)).sent
    assert [extra["alarm"] for extra in server.extras("alarm")] == ["accuracy", "latency"]


def test_an_answer_that_was_lost_sends_nothing_twice(server: AirflowDouble, airflow: Airflow) -> None:
    server.instead = ["swallow"]
    with pytest.raises(PenstockError, match="try again") as raised:
        announce(airflow, "learners", alarm("accuracy", "0.69", DAY))
    assert raised.value.may_pass
    assert not announce(airflow, "learners", alarm("accuracy", "0.69", DAY)).sent
    assert len(server.events) == 1


def test_a_paused_dag_gets_no_event_that_would_be_lost(server: AirflowDouble, airflow: Airflow) -> None:
    server.paused = True
    with pytest.raises(PenstockError, match="remedy: airflow dags unpause learners_retrain"):
        announce(airflow, "learners", alarm("accuracy", "0.69", DAY))
    assert server.events == []
    server.paused = False
    assert announce(airflow, "learners", alarm("accuracy", "0.69", DAY)).sent


@pytest.mark.parametrize("lacking", ["asset", "dag"])
def test_what_airflow_does_not_have_says_how_it_gets_it(
    server: AirflowDouble, airflow: Airflow, lacking: str
) -> None:
    server.assets = ["learners.export"] if lacking == "asset" else server.assets
    server.paused = None if lacking == "dag" else False
    with pytest.raises(PenstockError, match=r"learners_retrain\.py.*production\.retrain\.on_alarm") as raised:
        announce(airflow, "learners", alarm("accuracy", "0.69", DAY))
    assert not raised.value.may_pass
