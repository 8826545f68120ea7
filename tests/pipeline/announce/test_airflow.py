"""Airflow's API is asked with a token that stays a secret, and its refusals say what to do."""

from __future__ import annotations

import socket

import pytest

from foundation.errors import PenstockError, SpecError
from pipeline.announce.airflow import Airflow, from_environment
from tests.pipeline.announce.double import TOKEN, AirflowDouble


def test_an_asset_is_found_by_its_whole_name(airflow: Airflow) -> None:
    assert airflow.asset("learners.export") == 1
    assert airflow.asset("learners.expo") is None


def test_all_events_come_newest_first_whatever_the_page(server: AirflowDouble, airflow: Airflow) -> None:
    server.page = 3
    for span in range(10):
        server.put("export", span=span)
        server.put("alarm", span=span)
    assert [event.extra["span"] for event in airflow.events(1)] == list(range(9, -1, -1))
    assert next(airflow.events(1)).at == pytest.approx(server.clock(), abs=600)


@pytest.mark.parametrize(
    ("instead", "may_pass", "says"),
    [
        pytest.param(401, False, "get a new token from Airflow", id="401"),
        pytest.param(403, False, "get a new token .* give its user these rights", id="403"),
        pytest.param(404, False, "correct PENSTOCK_AIRFLOW", id="404"),
        pytest.param(302, False, "name the address that it leads to", id="redirect"),
        pytest.param(422, False, "API server", id="422"),
        pytest.param(429, True, "try again", id="429"),
        pytest.param(500, True, "try again", id="500"),
        pytest.param(503, True, "try again", id="503"),
        pytest.param("<html>log in</html>", False, "expected an answer in JSON", id="a-page"),
    ],
)
def test_a_refusal_says_what_to_do_and_whether_it_passes(
    server: AirflowDouble, airflow: Airflow, instead: int | str, may_pass: bool, says: str
) -> None:
    server.instead = [instead]
    with pytest.raises(PenstockError, match=says) as raised:
        airflow.asset("learners.export")
    assert raised.value.may_pass is may_pass
    assert TOKEN not in repr(raised.value) + repr(raised.value.__cause__)
    assert len(server.asked) == 1  # a redirect is not followed


def test_an_airflow_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(PenstockError, match="try again, or correct PENSTOCK_AIRFLOW") as raised:
        Airflow(f"http://127.0.0.1:{port}", TOKEN).asset("learners.export")
    assert raised.value.may_pass


def test_an_airflow_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(PenstockError, match="no answer in time") as raised:
            Airflow(address, TOKEN, seconds=0.05).asset("learners.export")
    assert raised.value.may_pass


@pytest.mark.parametrize(
    ("address", "token", "says"),
    [
        pytest.param("", TOKEN, "PENSTOCK_AIRFLOW; .*seen: none", id="no-address"),
        pytest.param("airflow:8080", TOKEN, "PENSTOCK_AIRFLOW; .*seen: another text", id="no-scheme"),
        pytest.param(f"http://me:{TOKEN}@airflow", TOKEN, "without a user or a password", id="password"),
        pytest.param("http://airflow", "", "PENSTOCK_AIRFLOW_TOKEN; .*seen: none", id="no-token"),
        pytest.param("http://airflow", f"{TOKEN}\nX: y", "PENSTOCK_AIRFLOW_TOKEN; .*another", id="two-lines"),
    ],
)
def test_the_environment_is_checked_and_never_shown(address: str, token: str, says: str) -> None:
    with pytest.raises(SpecError, match=says) as raised:
        from_environment({"PENSTOCK_AIRFLOW": address, "PENSTOCK_AIRFLOW_TOKEN": token})
    assert TOKEN not in str(raised.value)
