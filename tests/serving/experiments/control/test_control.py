from __future__ import annotations

import pytest

from serving.experiments.control.access import Headers, Role
from serving.experiments.control.actions import Asked
from serving.experiments.control.answers import RefusedError
from serving.http.handler import Answer
from tests.serving.experiments.control.conftest import Starter, exposed
from tests.serving.experiments.control.test_access import CONTROL, ENVIRONMENT, GUARDED


def test_an_experiment_is_started_ramped_and_stopped_and_each_is_an_event(start: Starter) -> None:
    running = start()
    assert running.get("/e")[1]["phase"] == "draft"
    status, seen = running.post("/e:start", {"by": "maria"})
    assert (status, seen["phase"], seen["weights_from"]) == (200, "running", "document")
    status, seen = running.post("/e:ramp", {"weights": {"new": "25%"}})
    assert (status, seen["weights_from"]) == (200, "ramp")
    assert {arm: round(it["weight"], 9) for arm, it in seen["arms"].items()} == {
        "old": 0.65,
        "new": 0.25,
        "far": 0.1,
    }
    status, seen = running.post("/e:stop", {"reason": "holidays"})
    assert (status, seen["phase"]) == (200, "stopped")
    texts = [event["text"] for event in seen["events"]]
    assert texts == [
        "e was started: old 70%, new 20%, far 10% (by maria over HTTP)",
        "e was ramped: old 65%, new 25%, far 10% (by HTTP)",
        "e was stopped: holidays (by HTTP)",
    ]
    assert running.post("/e:start", {})[1]["phase"] == "running"


REFUSED = [
    ("ramp before the start", "ramp", {"weights": {"new": 0.2}}, 409, "never started"),
    ("stop before the start", "stop", {}, 409, "never started"),
    ("stray key", "start", {"force": True}, 400, "expected one of by"),
    ("no object", "start", [], 400, "expected an object"),
    ("by", "start", {"by": "x\ny"}, 400, "one line"),
    ("no mover of labels", "promote", {"arm": "new"}, 501, "moves labels"),
    ("no mover either", "rollback", {}, 501, "moves labels"),
    ("weights", "ramp", {"weights": [1]}, 400, "weights"),
    ("share", "ramp", {"weights": {"new": "120%"}}, 400, "a share such as 20%"),
    ("true", "ramp", {"weights": {"new": True}}, 400, "a share such as 20%"),
    ("nothing", "ramp", {}, 409, "ARM=SHARE"),
]


@pytest.mark.parametrize(
    ("verb", "body", "status", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_done_is_said_and_not_done(
    start: Starter, verb: str, body: object, status: int, text: str
) -> None:
    running = start()
    seen, answer = running.post(f"/e:{verb}", body)
    assert seen == status
    assert text in answer["error"]
    _, after = running.get("/e")
    assert (after["phase"], after["events"]) == ("draft", [])


class Labels:
    """A test double of what moves labels: it notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def promote(self, asked: Asked, arm: str = "", label: str = "", *, anyway: bool = False) -> str:
        self.asked.append(("promote", asked.name, asked.who, arm, label, anyway))
        if not anyway:
            raise RefusedError(409, "experiment e", expected="the verdict: promote new", seen="wait")
        return "arm new was promoted"

    def rollback(self, asked: Asked, *, anyway: bool = False) -> str:
        self.asked.append(("rollback", asked.name, asked.who, anyway))
        return "control answers everything"


def test_promotion_is_asked_for_as_on_the_command_line(start: Starter) -> None:
    labels = Labels()
    running = start(promoter=labels)
    status, answer = running.post("/e:promote", {"arm": "new", "by": "maria"})
    assert (status, answer["seen"]) == (409, "wait")
    assert running.post("/e:promote", {"arm": "new", "label": "stable", "anyway": True})[0] == 200
    assert running.post("/e:rollback", {})[0] == 200
    assert running.post("/e:promote", {"anyway": "yes"})[0] == 400
    assert labels.asked == [
        ("promote", "e", "maria over HTTP", "new", "", False),
        ("promote", "e", "HTTP", "new", "stable", True),
        ("rollback", "e", "HTTP", False),
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/e:start", 405),
        ("POST", "/e", 405),
        ("POST", "", 405),
        ("GET", ":rewards", 405),
        ("DELETE", "/e", 405),
        ("PUT", "/e:reward", 405),
        ("POST", "/e:launch", 404),
        ("GET", "/e/arms", 404),
        ("GET", "/", 404),
        ("GET", ":all", 404),
        ("GET", "/nobody", 404),
        ("POST", "/nobody:start", 404),
        ("POST", "/e:", 404),
    ],
)
def test_other_methods_and_addresses_are_refused(start: Starter, method: str, path: str, status: int) -> None:
    seen, answer, headers = start().call(method, f"/v1/experiments{path}", None if method == "GET" else {})
    assert (seen, "error" in answer) == (status, True)
    assert ("allow" in headers) is (status == 405)


def test_the_overview_names_every_experiment(start: Starter) -> None:
    running = start()
    exposed(running, "a", "r")
    status, seen = running.get()
    assert status == 200
    assert [(one["experiment"], one["phase"], one["units"]) for one in seen["experiments"]] == [
        ("e", "draft", 1),
        ("numbers", "draft", 0),
    ]


def test_paths_that_others_mount_are_answered_with_and_without_a_token(start: Starter) -> None:
    running = start(GUARDED, ENVIRONMENT)

    async def answer(method: str, target: str, headers: Headers, body: bytes) -> Answer:
        return Answer(200, b'{"it": "answers"}')

    running.control.mount("/metrics", answer, None)
    running.control.mount("/experiments", answer, Role.CONTROL)
    assert running.call("GET", "/metrics?name=x")[0] == 200
    assert running.call("GET", "/experiments/e")[0] == 401
    assert running.call("GET", "/experiments/e", None, {"Authorization": f"Bearer {CONTROL}"})[0] == 200
    assert running.call("GET", "/metricsx")[0] == 404


def test_models_are_not_ours(start: Starter) -> None:
    control = start().control
    for target in ("/v1/models/m:predict", "/v1/experimentsx", "/", "/v1/models/experiments"):
        assert not control.matches(target)
    for target in (
        "/v1/experiments",
        "/v1/experiments?x=1",
        "/v1/experiments/e:reward",
        "/v1/experiments:rewards",
    ):
        assert control.matches(target)
