"""Requests of an experiment over REST: unit, arm, answer, fallback, shadows and what the experiment learns of them."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from serving.codes import Code
from serving.experiments.contract import Target
from serving.experiments.plane.shadow import ShadowLimits
from tests.serving.http.running import until
from tests.serving.router.running import (
    HTTP,
    Got,
    RestBackend,
    RunningRouter,
    ScriptedRoute,
    answer,
    experiment,
    front,
    to,
)

BODY = b'{"instances": [[1.0]],  "odd" : NaN}'
PREDICT = "/v1/models/m:predict"


@pytest.fixture
def backend() -> Iterator[RestBackend]:
    with RestBackend() as found:
        yield found


def test_a_request_gets_the_arms_version_and_the_answer_says_so(backend: RestBackend) -> None:
    route = experiment(Target("m", version=2))
    with front(backend, m=route) as router:
        found = HTTP.post(router.url + PREDICT, content=BODY, headers={"penstock-unit": "anna"})
    assert (backend.got[0].path, backend.got[0].body) == ("/v1/models/m/versions/2:predict", BODY)
    assert found.headers["penstock-arm"] == "e/new"
    assert len(found.headers["penstock-request-id"]) == 32
    assert route.units == ["anna"]
    (_, outcome), *_ = route.outcomes
    assert (outcome.code, outcome.api, outcome.method, outcome.version) == (0, "rest", "predict", 2)
    assert (outcome.request, outcome.response) == (BODY, found.content)
    assert outcome.request_id == found.headers["penstock-request-id"]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (Target("m", label="a b"), "/v1/models/m/labels/a%20b:classify"),
        (Target("m", version=0), "/v1/models/m/versions/0:classify"),
        (Target("odd näme &1.0"), "/v1/models/odd%20n%C3%A4me%20%261.0:classify"),
    ],
    ids=["label", "version-0", "model"],
)
def test_targets_are_written_into_the_path(backend: RestBackend, target: Target, path: str) -> None:
    with front(backend, m=experiment(target)) as router:
        HTTP.post(f"{router.url}/v1/models/m:classify", content=BODY)
    assert backend.got[0].path == path


def test_a_percent_encoded_name_is_the_same_model(backend: RestBackend) -> None:
    with front(backend, m=experiment(Target("m", 2))) as router:
        HTTP.post(f"{router.url}/V1/Models/%6D:regress", content=BODY)
    assert backend.got[0].path == "/V1/Models/m/versions/2:regress"


def test_an_arm_may_be_a_model_on_another_backend(backend: RestBackend) -> None:
    with RestBackend() as far:
        backends = {"main": {"rest": backend.address}, "far": {"rest": far.address}}
        routes = {"m": experiment(Target("other", backend="far"))}
        with RunningRouter(backends, routes) as router:
            HTTP.post(router.url + PREDICT, content=BODY)
    assert [got.path for got in far.got] == ["/v1/models/other:predict"]
    assert not backend.got


def test_the_clients_request_id_is_kept_if_it_can_be_sent_back(backend: RestBackend) -> None:
    route = experiment(Target("m", 2))
    with front(backend, m=route) as router:
        for given in ("mine-1", "with space", "x" * 129, ""):
            HTTP.post(router.url + PREDICT, content=BODY, headers={"penstock-request-id": given})
    ids = [outcome.request_id for _, outcome in route.outcomes]
    assert ids[0] == "mine-1"
    assert [len(one) for one in ids[1:]] == [32, 32, 32]
    assert len(set(ids)) == 4


def test_a_repeated_unit_is_one_value_with_commas(backend: RestBackend) -> None:
    route = experiment(Target("m", 2))
    with front(backend, m=route) as router:
        for headers in ([("penstock-unit", "a"), ("penstock-unit", "b")], [("Penstock-Unit", "a,b")], []):
            HTTP.post(router.url + PREDICT, content=BODY, headers=headers)
    assert route.units == ["a,b", "a,b", None]


def test_a_unit_in_a_feature_is_read_from_the_body_even_if_it_is_gzipped(backend: RestBackend) -> None:
    body = b'{"instances": [{"user_id": 7, "x": 1.0}]}'
    asks = {"unit_header": None, "unit_feature": "user_id", "reads_body": True, "features": ("user_id",)}
    route = ScriptedRoute(lambda _: to(Target("m", 2)), **asks)
    packed, gzipped = gzip.compress(body), {"Content-Encoding": "gzip"}
    with front(backend, m=route) as router:
        HTTP.post(router.url + PREDICT, content=body)
        HTTP.post(router.url + PREDICT, content=packed, headers=gzipped)
        HTTP.post(router.url + PREDICT, content=b"junk", headers=gzipped)
    assert route.units == ["7", "7", None]
    assert [got.body for got in backend.got] == [body, packed, b"junk"]
    assert [outcome.request for _, outcome in route.outcomes] == [body, body, b""]


def test_status_and_metadata_of_the_public_name_are_those_of_control(backend: RestBackend) -> None:
    route = ScriptedRoute(lambda _: None, control=Target("real", version=1))
    with front(backend, m=route) as router, httpx.Client(base_url=router.url) as client:
        answers = [client.get("/v1/models/m"), client.get("/v1/models/m/metadata")]
        client.get("/v1/models/m/versions/3")
    paths = [got.path for got in backend.got]
    assert paths == ["/v1/models/real", "/v1/models/real/versions/1/metadata", "/v1/models/m/versions/3"]
    assert not any("penstock-arm" in found.headers for found in answers)


def test_a_backend_that_is_down_is_said_clearly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    route = experiment(Target("m", 2))
    with RunningRouter({"main": {"rest": f"127.0.0.1:{port}"}}, {"m": route}) as router:
        found = HTTP.post(router.url + PREDICT, content=BODY)
        plain = HTTP.post(f"{router.url}/v1/models/x:predict", content=BODY)
    assert (found.status_code, plain.status_code) == (503, 503)
    assert f"backend main at 127.0.0.1:{port} cannot be reached" in found.json()["error"]
    assert found.headers["penstock-arm"] == "e/new"
    assert [outcome.code for _, outcome in route.outcomes] == [Code.UNAVAILABLE]


class Stuck:
    """Answers only once it may."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler, _: Got) -> None:
        self.may.wait(30)
        answer(handler, 200, b"{}")


def test_an_arm_that_hangs_ends_at_its_limit() -> None:
    stuck = Stuck()
    route = experiment(Target("m", 2))
    route.hang = 0.2
    with RestBackend(stuck) as backend, front(backend, m=route) as router:
        found = HTTP.post(router.url + PREDICT, content=BODY)
        stuck.may.set()
    assert found.status_code == 504
    assert [outcome.code for _, outcome in route.outcomes] == [Code.DEADLINE_EXCEEDED]


def test_a_client_that_leaves_is_a_cancelled_request() -> None:
    stuck = Stuck()
    route = experiment(Target("m", 2))
    with RestBackend(stuck) as backend, front(backend, m=route) as router:
        with pytest.raises(httpx.ReadTimeout):
            HTTP.post(router.url + PREDICT, content=BODY, timeout=0.3)
        until(lambda: route.outcomes)
        stuck.may.set()
    assert [outcome.code for _, outcome in route.outcomes] == [Code.CANCELLED]


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_fallback_answers_for_an_arm_that_fails(status: int) -> None:
    def failing(handler: BaseHTTPRequestHandler, got: Got) -> None:
        broken = "/versions/2:" in got.path
        answer(handler, status if broken else 200, b'{"error": "arm"}' if broken else b"{}")

    asked, plain = experiment(Target("m", 2), fallback=Target("m", 1)), experiment(Target("n", 2))
    with RestBackend(failing) as backend, front(backend, m=asked, n=plain) as router:
        fell = HTTP.post(router.url + PREDICT, content=BODY)
        own = HTTP.post(f"{router.url}/v1/models/n:predict", content=BODY)
    assert (fell.status_code, own.status_code) == (200, status)
    assert own.text == '{"error": "arm"}'
    (_, outcome), *_ = asked.outcomes
    assert (outcome.fell_back, outcome.code, outcome.version) == (True, 0, 1)
    assert fell.headers["penstock-arm"] == "e/new"


def test_a_request_that_is_wrong_itself_is_not_asked_twice() -> None:
    route = experiment(Target("m", 2), fallback=Target("m", 1))
    with (
        RestBackend(lambda handler, _: answer(handler, 400, b"{}")) as backend,
        front(backend, m=route) as router,
    ):
        assert HTTP.post(router.url + PREDICT, content=BODY).status_code == 400
    assert len(backend.got) == 1


def test_a_shadow_gets_a_copy_and_its_answer_goes_to_the_route(backend: RestBackend) -> None:
    shadows = (("far", Target("m", 2)), ("gone", Target("m", 3, backend="gone")))
    route = experiment(Target("m", 1), shadows=shadows)
    with front(backend, m=route) as router:
        found = HTTP.post(router.url + PREDICT, content=BODY)
        until(lambda: len(route.shadows) == 2)
    outcomes = dict(route.shadows)
    assert found.json() == {"path": "/v1/models/m/versions/1:predict"}
    assert outcomes["far"].response == b'{"path": "/v1/models/m/versions/2:predict"}'
    assert outcomes["far"].request_id == found.headers["penstock-request-id"]
    assert outcomes["gone"].code == Code.UNAVAILABLE


def test_slow_shadows_are_dropped_and_the_originals_do_not_notice() -> None:
    stuck = Stuck()

    def slow_copy(handler: BaseHTTPRequestHandler, got: Got) -> None:
        if "/versions/2:" in got.path:
            stuck(handler, got)
        else:
            answer(handler, 200, b"{}")

    route = experiment(Target("m", 1), shadows=(("far", Target("m", 2)),))
    with RestBackend(slow_copy) as backend, front(backend, m=route) as router:
        shadows = router.router.shadows
        shadows.limits = ShadowLimits(running=2, waiting=3)
        found = [HTTP.post(router.url + PREDICT, content=BODY).status_code for _ in range(20)]
        assert found == [200] * 20
        assert (shadows.sent, shadows.dropped) == (2, 15)
        stuck.may.set()
        until(lambda: len(route.shadows) == 5)
    assert shadows.sent == 5
