"""Contract, section 3.4: version labels, without and with ``allow_version_labels_for_unavailable_models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import floats, refused, spec
from tests.serving.contract.configs import Model, specific
from tests.serving.contract.managed import AVAILABLE, END, ManagedServer, managed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

BOTH: dict[int | str, str] = {1: "constant_1", 2: "constant_2"}
NOT_AVAILABLE = (
    "Request to assign label to version {} of model {}, which is not currently available for inference"
)


@pytest.fixture
def server(managed_server: ManagedServer) -> ManagedServer:
    return managed_server


@pytest.fixture(scope="module")
def allowing(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManagedServer]:
    flag = "--allow_version_labels_for_unavailable_models"
    with managed(models, tmp_path_factory.mktemp("allowing"), flag) as found:
        yield found


def _by_label(server: ManagedServer, name: str, label: str) -> list[float]:
    return server.client.value(spec(name, label=label))


def test_3_4_labels_move_and_may_share_a_version(server: ManagedServer) -> None:
    with server.model("labelled", BOTH, "all {}"):
        server.wait_states("labelled", {1: AVAILABLE, 2: AVAILABLE})
        server.change("labelled", labels={"stable": 1, "canary": 2, "old": 1})
        assert [_by_label(server, "labelled", label) for label in ("stable", "canary", "old")] == [
            [1.0],
            [2.0],
            [1.0],
        ]
        server.change("labelled", labels={"stable": 2, "canary": 1})
        assert _by_label(server, "labelled", "stable") == [2.0]
        assert _by_label(server, "labelled", "canary") == [1.0]
        with refused("INVALID_ARGUMENT", "Unrecognized servable version label: old"):
            _by_label(server, "labelled", "old")


def test_3_4_a_reload_without_labels_takes_them_away(server: ManagedServer) -> None:
    with server.model("unlabelled", BOTH, "all {}"):
        server.wait_states("unlabelled", {1: AVAILABLE, 2: AVAILABLE})
        server.change("unlabelled", labels={"stable": 1})
        server.change("unlabelled", labels={})
        with refused("INVALID_ARGUMENT", "Unrecognized servable version label: stable"):
            _by_label(server, "unlabelled", "stable")


def test_3_4_a_label_on_an_unavailable_version_refuses_the_whole_reload(server: ManagedServer) -> None:
    with server.model("refused", BOTH, "all {}"):
        server.wait_states("refused", {1: AVAILABLE, 2: AVAILABLE})
        server.change("refused", labels={"stable": 1})
        server.publish("newcomer", 1, "constant_1")
        wrong = Model("refused", server.base("refused"), "all {}", {"stable": 2, "canary": 7})
        newcomer = Model("newcomer", server.base("newcomer"))
        with refused("FAILED_PRECONDITION", NOT_AVAILABLE.format(7, "refused")):
            server.reload(wrong, newcomer, without=("resident",))
        assert _by_label(server, "refused", "stable") == [1.0], "the old table stays"
        assert server.client.value("resident") == [2.5], "nothing is removed"
        with refused("NOT_FOUND", "Servable not found for request: Latest(newcomer)"):
            server.client.value("newcomer")


def test_3_4_a_new_model_cannot_bring_its_labels(server: ManagedServer) -> None:
    server.publish("bringing", 1, "constant_1")
    with refused("FAILED_PRECONDITION", NOT_AVAILABLE.format(1, "bringing")):
        server.reload(Model("bringing", server.base("bringing"), labels={"stable": 1}))
    server.reload(Model("bringing", server.base("bringing")))
    server.change("bringing", labels={"stable": 1})
    assert _by_label(server, "bringing", "stable") == [1.0]
    server.forget("bringing")


def test_3_4_a_policy_and_a_label_on_what_it_brings_are_two_reloads(server: ManagedServer) -> None:
    with server.model("two_steps", BOTH, specific(1)):
        both = specific(1, 2)
        with refused("FAILED_PRECONDITION", NOT_AVAILABLE.format(2, "two_steps")):
            server.change("two_steps", policy=both, labels={"canary": 2})
        server.change("two_steps", policy=both)
        server.wait_states("two_steps", {1: AVAILABLE, 2: AVAILABLE})
        server.change("two_steps", labels={"canary": 2})
        assert _by_label(server, "two_steps", "canary") == [2.0]


def test_3_4_the_label_of_a_version_that_was_unloaded(server: ManagedServer) -> None:
    with server.model("outlived", {1: "constant_1"}):
        server.change("outlived", labels={"stable": 1})
        server.publish("outlived", 2, "constant_2")
        server.wait_states("outlived", {1: END, 2: AVAILABLE})
        with refused("NOT_FOUND", "Servable not found for request: Specific(outlived, 1)"):
            _by_label(server, "outlived", "stable")


def test_3_4_version_and_label_in_one_request_are_not_possible(server: ManagedServer) -> None:
    """The message is a oneof: the last one set is what the server sees."""
    with server.model("oneof", BOTH, "all {}"):
        server.wait_states("oneof", {1: AVAILABLE, 2: AVAILABLE})
        server.change("oneof", labels={"stable": 1})
        target = spec("oneof", version=2, label="stable")
        assert server.client.predict(target, {"x": floats(1.0)}).model_spec.version.value == 1


# With the flag


def test_3_4_allowed_a_new_label_may_point_at_nothing(allowing: ManagedServer) -> None:
    allowing.publish("early", 1, "constant_1")
    allowing.reload(Model("early", allowing.base("early"), labels={"stable": 1, "next": 2}))
    assert _by_label(allowing, "early", "stable") == [1.0]
    with refused("NOT_FOUND", "Servable not found for request: Specific(early, 2)"):
        _by_label(allowing, "early", "next")
    allowing.publish("early", 2, "constant_2")
    allowing.wait_states("early", {1: END, 2: AVAILABLE})
    assert _by_label(allowing, "early", "next") == [2.0]
    allowing.forget("early")


def test_3_4_allowed_a_label_that_stays_may_point_at_an_unloaded_version(allowing: ManagedServer) -> None:
    with allowing.model("staying", {1: "constant_1"}, labels={"stable": 1}):
        allowing.publish("staying", 2, "constant_2")
        allowing.wait_states("staying", {1: END, 2: AVAILABLE})
        allowing.change("staying", labels={"stable": 1, "canary": 2})
        assert _by_label(allowing, "staying", "canary") == [2.0]


def test_3_4_allowed_a_label_in_use_does_not_move_to_an_unavailable_version(allowing: ManagedServer) -> None:
    with allowing.model("moving", {1: "constant_1"}, labels={"stable": 1}):
        with refused("FAILED_PRECONDITION", NOT_AVAILABLE.format(5, "moving")):
            allowing.change("moving", labels={"stable": 5})
        assert _by_label(allowing, "moving", "stable") == [1.0]
