"""The endpoints of a running process: the page from real state, its guard, and the metrics."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.experiments.contract import Outcome
from serving.experiments.control.handler import Control
from serving.experiments.live.endpoints import endpoints
from serving.experiments.live.live import Live
from serving.experiments.state.lifecycle import Phase, change
from serving.experiments.state.store import Reward
from serving.http.handler import Answer

DOCUMENT = """
layers: {second: {}}
experiments:
  new_model:
    model: retention
    control: old
    arms: {old: {version: 1, weight: 50%}, new: {label: canary, weight: 50%}}
    reward: {metric: came_back, window: 0.2s}
    planned: {units: 400}
  idle:
    model: other
    layer: second
    control: a
    arms: {a: {version: 1}, b: {version: 2}}
"""
TOKENS = "tokens: {reward: R_TOKEN, control: C_TOKEN}\n"


def asked(control: Control, target: str, *headers: tuple[bytes, bytes], method: str = "GET") -> Answer:
    return asyncio.run(control.handle(method, target, [(b"host", b"127.0.0.1"), *headers], b""))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """An experiment whose units came, were rewarded and are past their window."""
    path = tmp_path / "experiments.yaml"
    path.write_text(DOCUMENT)
    made = Live(path, lead=0.0)
    change(made.store, "new_model", lambda life: life.moved_to(Phase.RUNNING, made.store.now()))
    made.tick()
    route = made.route("retention")
    assert route is not None
    rewards = []
    for i in range(400):
        choice = route.choose(f"unit-{i}", f"r{i}")
        assert choice is not None
        route.answered(choice, Outcome(f"r{i}", "rest", "predict", time.time(), 0.001, 0, b"{}", b"{}"))
        if i % 10 < (8 if choice.arm == "new" else 3):
            rewards.append(Reward("new_model", "came_back", 1.0, f"r{i}"))
    made.tick()
    assert {receipt.status.value for receipt in made.store.reward(rewards)} == {"accepted"}
    time.sleep(0.3)
    made.tick()
    yield made
    made.close()


def test_the_page_shows_what_the_state_knows(live: Live) -> None:
    control = endpoints(live, ["127.0.0.1"])
    answer = asked(control, "/experiments/new_model")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.content_type.startswith(b"text/html")
    assert b"default-src 'none'" in answer.headers
    assert "Promote new: it is better than old" in page
    assert 'class="band"' in page
    assert "came_back, 0 or 1, within 0.2 seconds" in page
    assert "label canary" in page


def test_the_index_and_an_experiment_that_has_not_begun(live: Live) -> None:
    control = endpoints(live, ["127.0.0.1"])
    assert "2 experiments" in asked(control, "/experiments").body.decode()
    assert "The experiment has not begun" in asked(control, "/experiments/idle").body.decode()
    assert asked(control, "/experiments/nothing").status == 404
    assert asked(control, "/experiments/idle", method="POST").status == 405


def test_metrics_are_mounted_in_the_format_that_is_asked_for(live: Live) -> None:
    control = endpoints(live, ["127.0.0.1"])
    plain = asked(control, "/metrics")
    assert b'arm="new"' in plain.body
    assert plain.content_type.startswith(b"text/plain")
    openmetrics = asked(control, "/metrics", (b"accept", b"application/openmetrics-text"))
    assert openmetrics.body.rstrip().endswith(b"# EOF")


def test_with_a_token_a_browser_is_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R_TOKEN", "reward-token-0123456789")
    monkeypatch.setenv("C_TOKEN", "control-token-0123456789")
    path = tmp_path / "experiments.yaml"
    path.write_text(DOCUMENT + TOKENS)
    live = Live(path)
    try:
        control = endpoints(live, ["0.0.0.0"])

        def status(token: str) -> int:
            given = b"Basic " + base64.b64encode(b"anna:" + token.encode())
            return asked(control, "/experiments", (b"authorization", given)).status

        refused = asked(control, "/experiments")
        assert refused.status == 401
        assert b"WWW-Authenticate: Basic" in refused.headers
        assert status("control-token-0123456789") == 200
        assert status("reward-token-0123456789") == 403
        assert status("guess") == 401
        json = asked(
            control,
            "/v1/experiments",
            (b"authorization", b"Basic " + base64.b64encode(b"a:control-token-0123456789")),
        )
        assert json.status == 401, (
            "a browser sends a password along by itself, so it must not control anything"
        )
    finally:
        live.close()
