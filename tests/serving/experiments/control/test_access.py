from __future__ import annotations

import pytest

from foundation.errors import SpecError
from serving.experiments.control.access import Access
from serving.experiments.control.config import TokensConfig
from tests.serving.experiments.control.conftest import DOCUMENT, Starter

REWARD, CONTROL = "r" * 32, "c" * 32
GUARDED = DOCUMENT + "tokens: {reward: REWARD_TOKEN, control: CONTROL_TOKEN}\n"
ENVIRONMENT = {"REWARD_TOKEN": REWARD, "CONTROL_TOKEN": CONTROL}
BOTH = TokensConfig(reward="REWARD_TOKEN", control="CONTROL_TOKEN")


def test_each_role_has_its_own_token(start: Starter) -> None:
    running = start(GUARDED, ENVIRONMENT)
    reward = {"unit": "a", "value": 1}
    path = "/v1/experiments/e"
    for token, statuses in (
        (REWARD, (200, 403, 403)),
        (CONTROL, (403, 200, 200)),
        ("wrong", (401, 401, 401)),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        assert running.call("POST", f"{path}:reward", reward, headers)[0] == statuses[0]
        assert running.call("GET", path, None, headers)[0] == statuses[1]
        assert running.call("POST", f"{path}:nonsense", {}, headers)[0] == 404
    status, answer, headers = running.call("GET", path)
    assert (status, headers["www-authenticate"][:6]) == (401, "Bearer")
    assert "Authorization: Bearer" in answer["remedy"]


def test_the_tokens_are_in_no_answer_and_no_repr(start: Starter, caplog: pytest.LogCaptureFixture) -> None:
    running = start(GUARDED, ENVIRONMENT)
    for headers in ({}, {"Authorization": f"Bearer {REWARD}"}, {"Authorization": f"Basic {CONTROL}"}):
        _, answer, _ = running.call("GET", "/v1/experiments", None, headers)
        assert REWARD not in str(answer)
        assert CONTROL not in str(answer)
    assert REWARD not in repr(Access(BOTH, ["0.0.0.0"], ENVIRONMENT)) + caplog.text


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer   "])
def test_the_scheme_is_read_as_http_says(start: Starter, scheme: str) -> None:
    running = start(GUARDED, ENVIRONMENT)
    assert running.call("GET", "/v1/experiments", None, {"Authorization": scheme + CONTROL})[0] == 200


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", CONTROL, f"Basic {CONTROL}", f"Bearer {CONTROL}x", f"Bearer {CONTROL[:-1]}"],
)
def test_other_credentials_are_401(start: Starter, given: str) -> None:
    running = start(GUARDED, ENVIRONMENT)
    assert running.call("GET", "/v1/experiments", None, {"Authorization": given})[0] == 401


def test_without_tokens_only_loopback_addresses_may_be_listened_on() -> None:
    none = TokensConfig()
    for host in ("127.0.0.1", "::1", "localhost", "127.8.0.1", "[::1]"):
        Access(none, [host], {})
    for host in ("0.0.0.0", "::", "", "192.168.1.4", "example.org"):
        with pytest.raises(SpecError, match=r"reward and control.*tokens: \{reward: NAME_OF"):
            Access(none, ["127.0.0.1", host], {})
    with pytest.raises(SpecError, match="tokens: control;"):
        Access(TokensConfig(reward="REWARD_TOKEN"), ["0.0.0.0"], ENVIRONMENT)
    Access(BOTH, ["0.0.0.0"], ENVIRONMENT)


def test_a_token_that_is_missing_or_short_is_refused_at_the_start() -> None:
    with pytest.raises(SpecError, match=r"REWARD_TOKEN.*no such variable.*openssl"):
        Access(BOTH, ["127.0.0.1"], {})
    with pytest.raises(SpecError, match="a shorter one") as caught:
        Access(BOTH, ["127.0.0.1"], {**ENVIRONMENT, "REWARD_TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({}, 200),
    ],
    ids=["foreign", "null", "other port", "rebound name", "localhost", "own page", "no browser"],
)
def test_a_web_page_of_somebody_else_can_do_nothing(
    start: Starter, headers: dict[str, str], status: int
) -> None:
    running = start()
    path = "/v1/experiments/e:start"
    assert running.call("POST", path, {}, headers)[0] == status
    assert running.call("GET", "/v1/experiments", None, headers)[0] == status
    assert running.call("POST", "/v1/experiments/e:reward", {"unit": "a", "value": 1}, headers)[0] == status


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_415(start: Starter, kind: str) -> None:
    running = start()
    assert running.call("POST", "/v1/experiments/e:start", {}, {"Content-Type": kind})[0] == 415
    assert running.call("POST", "/v1/experiments/e:reward", {}, {"Content-Type": kind})[0] == 415
    assert running.get("/e")[1]["phase"] == "draft"
