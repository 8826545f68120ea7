"""Contract, sections 3.1 to 3.3: versions are found, loaded, switched, retried and unloaded."""

from __future__ import annotations

import itertools
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import GrpcClient, floats, refused, rest_client, spec
from tests.serving.contract.configs import Model, specific
from tests.serving.contract.managed import AVAILABLE, END, ManagedServer
from tests.serving.server_process import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration


@pytest.fixture
def server(managed_server: ManagedServer) -> ManagedServer:
    return managed_server


def _broken(base: Path, version: int | str) -> Path:
    """A version directory that is still being copied."""
    path = base / str(version)
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"\x08\x01\x12 half a model")
    return path


# 3.1 Discovery


def test_3_1_only_whole_int64_decimals_are_versions(server: ManagedServer) -> None:
    names = {"3": 3, "00000012": 12, "0": 0, str(2**62): 2**62}
    others = ("v2", "1.5", "0x10", "1e3", "latest", str(2**63), " 7", "8 ", "")
    for name in (*names, *(other for other in others if other)):
        server.publish("names", name, "constant_1")
    server.publish("names", "0003", "constant_1")  # another name of 3
    (server.base("names") / "9").write_text("a file is tried as well, and is no SavedModel")
    with server.model("names", {}, specific(*names.values(), 7, 8, 1, 2, 16, 1000)):
        server.wait_states("names", dict.fromkeys(names.values(), AVAILABLE))


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        pytest.param("", {3}, id="3.1: default is latest 1"),
        pytest.param("latest { num_versions: 2 }", {2, 3}, id="3.1: latest 2"),
        pytest.param("latest { num_versions: 9 }", {1, 2, 3}, id="3.1: latest of more than there are"),
        pytest.param("latest { num_versions: 0 }", {3}, id="2: latest 0 counts as 1"),
        pytest.param("all {}", {1, 2, 3}, id="3.1: all"),
        pytest.param(specific(1, 3), {1, 3}, id="3.1: specific"),
        pytest.param(specific(2, 7), {2}, id="3.1: specific, one does not exist"),
    ],
)
def test_policies(
    server: ManagedServer, policy: str, versions: set[int], request: pytest.FixtureRequest
) -> None:
    name = f"policy-{request.node.callspec.indices['policy']}"
    published: dict[int | str, str] = {1: "constant_1", 2: "constant_2", 3: "constant_3"}
    with server.model(name, published, policy):
        server.wait_states(name, dict.fromkeys(versions, AVAILABLE))
        assert server.client.value(name) == [float(max(versions))]


def test_3_1_a_specific_version_is_picked_up_when_it_appears(server: ManagedServer) -> None:
    with server.model("later", {1: "constant_1"}, specific(1, 5)):
        server.publish("later", 5, "constant_5")
        server.wait_value("later", 5.0)
        server.wait_states("later", {1: AVAILABLE, 5: AVAILABLE})


def test_3_1_a_vanished_base_path_unloads_nothing(server: ManagedServer) -> None:
    with server.model("vanishing", {1: "constant_1"}), server.model("neighbour", {1: "constant_1"}):
        away = server.folder / "away"
        server.base("vanishing").rename(away)
        server.publish("neighbour", 2, "constant_2")
        server.wait_value("neighbour", 2.0)  # so there was a poll
        assert server.client.value("vanishing") == [1.0]
        away.rename(server.base("vanishing"))


def test_3_1_a_base_path_without_versions_unloads_the_model(server: ManagedServer) -> None:
    with server.model("emptied", {1: "constant_1"}):
        shutil.rmtree(server.base("emptied") / "1")
        server.wait_states("emptied", {1: END})
        with refused("NOT_FOUND", "Servable not found for request: Latest(emptied)"):
            server.client.value("emptied")
        server.publish("emptied", 2, "constant_2")
        until(lambda: 2 in server.client.states("emptied"))
        server.wait_states("emptied", {1: END, 2: AVAILABLE})
        assert server.client.value("emptied") == [2.0]


# 3.2 Order


def test_3_2_a_new_version_replaces_the_old_one(server: ManagedServer) -> None:
    with server.model("switched", {1: "constant_1"}):
        server.publish("switched", 2, "constant_2")
        server.wait_value("switched", 2.0)
        server.wait_states("switched", {1: END, 2: AVAILABLE})
        with refused("NOT_FOUND", "Servable not found for request: Specific(switched, 1)"):
            server.client.predict(spec("switched", version=1), {"x": floats(1.0)})


def test_3_2_a_removed_version_gives_way_to_an_older_one(server: ManagedServer) -> None:
    with server.model("rolled_back", {1: "constant_1", 2: "constant_2"}):
        assert server.client.value("rolled_back") == [2.0]
        shutil.rmtree(server.base("rolled_back") / "2")
        server.wait_value("rolled_back", 1.0)
        server.wait_states("rolled_back", {1: AVAILABLE, 2: END})


@pytest.mark.parametrize("kind", ["half-copied", "empty", "half the variables", "a dangling link"])
def test_3_2_the_old_version_serves_beside_a_broken_new_one(
    server: ManagedServer, kind: str, tmp_path: Path
) -> None:
    name = f"beside {kind}"
    with server.model(name, {1: "constant_1"}):
        base = server.base(name)
        if kind == "half-copied":
            _broken(base, 2)
        elif kind == "empty":
            (base / "2").mkdir()
        elif kind == "half the variables":
            server.library.place("counter", server.folder / f"staged {name}", 2)
            staged = server.folder / f"staged {name}" / "2"
            next((staged / "variables").glob("*.data-*")).unlink()
            staged.rename(base / "2")
        else:
            (base / "2").symlink_to(base / "nowhere")
        until(lambda: server.client.states(name).get(2) == END)
        assert server.client.states(name) == {1: AVAILABLE, 2: END}
        failed = server.client.statuses(spec(name, version=2))[0].status
        assert failed.error_code != 0 and failed.error_message
        assert server.client.value(name) == [1.0]
        with rest_client(server.process.url) as rest:
            first = rest.get(f"/v1/models/{name}").json()["model_version_status"][0]
        assert (first["version"], first["state"]) == ("2", "END")
        assert first["status"]["error_code"] != "OK" and first["status"]["error_message"]


def test_3_2_a_link_out_of_the_base_path_is_followed(server: ManagedServer) -> None:
    with server.model("linked", {1: "constant_1"}):
        (server.base("linked") / "2").symlink_to(server.library["constant_2"])
        server.wait_value("linked", 2.0)
        server.wait_states("linked", {1: END, 2: AVAILABLE})


def test_3_2_a_version_wished_again_is_loaded_afresh(server: ManagedServer) -> None:
    with server.model("afresh", {1: "constant_1", 2: "constant_2"}, specific(1)):
        server.change("afresh", policy=specific(2))
        server.wait_states("afresh", {1: END, 2: AVAILABLE})
        shutil.rmtree(server.base("afresh") / "1")
        server.publish("afresh", 1, "constant_9")
        server.change("afresh", policy=specific(1))
        server.wait_states("afresh", {1: AVAILABLE, 2: END})
        assert server.client.value("afresh") == [9.0]


def test_3_2_requests_in_flight_finish_on_a_version_that_leaves(server: ManagedServer) -> None:
    with server.model("leaving", {1: "slow"}):
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(server.client.predict, "leaving", {"x": floats(3000.0)})
            until(lambda: asked.running())
            server.publish("leaving", 2, "constant_2")
            server.wait_value("leaving", 2.0)
            assert not asked.done(), "the old version's request outlived the switch"
            answer = asked.result(20)
        assert answer.model_spec.version.value == 1
        assert list(answer.outputs["y"].float_val) == [3000.0]
        server.wait_states("leaving", {1: END, 2: AVAILABLE})


# 3.3 States


def test_3_3_a_failed_load_is_retried_and_then_left(server: ManagedServer) -> None:
    with server.model("retried", {1: "constant_1"}):
        _broken(server.base("retried"), 2)
        until(lambda: server.client.states("retried").get(2) == "LOADING")
        until(lambda: server.client.states("retried").get(2) == END)
        shutil.rmtree(server.base("retried") / "2")
        server.publish("retried", 3, "constant_3")
        server.wait_value("retried", 3.0)


def test_3_3_a_retry_finds_what_was_copied_meanwhile(models: ModelLibrary, server: ManagedServer) -> None:
    """The retry interval is 0.3 s: the rest of the copy comes after the first failure."""
    with server.model("copied", {1: "constant_1"}):
        path = _broken(server.base("copied"), 2)
        until(lambda: server.client.states("copied").get(2) == "LOADING", step=0.01)
        (path / "variables").mkdir()
        source = models["constant_2"]
        for file in (source / "variables").iterdir():
            shutil.copy(file, path / "variables")
        shutil.copy(source / "saved_model.pb", path / ".coming")
        (path / ".coming").replace(path / "saved_model.pb")
        server.wait_value("copied", 2.0)


def test_3_3_a_version_that_failed_is_tried_again_after_it_left_and_came_back(server: ManagedServer) -> None:
    with server.model("again", {1: "constant_1"}):
        path = _broken(server.base("again"), 2)
        until(lambda: server.client.states("again").get(2) == END)
        shutil.rmtree(path)
        until(lambda: 2 not in server.client.states("again") or server.client.states("again")[2] == END)
        server.publish("again", 3, "constant_3")  # a poll without version 2
        server.wait_value("again", 3.0)
        shutil.rmtree(server.base("again") / "3")
        server.publish("again", 2, "constant_2")
        server.wait_value("again", 2.0)


def test_3_3_a_failed_version_is_not_tried_again_while_it_stays(server: ManagedServer) -> None:
    with server.model("stuck", {1: "constant_1"}):
        path = _broken(server.base("stuck"), 2)
        until(lambda: server.client.states("stuck").get(2) == END)
        shutil.copytree(server.library["constant_2"], path, dirs_exist_ok=True)
        with server.model("poll", {1: "constant_1"}):
            server.publish("poll", 2, "constant_2")
            server.wait_value("poll", 2.0)  # so there was a poll
        assert server.client.states("stuck") == {1: AVAILABLE, 2: END}
        assert server.client.value("stuck") == [1.0]


def test_3_3_unloaded_versions_stay_listed_as_end_with_ok(server: ManagedServer) -> None:
    with server.model("listed", {1: "constant_1"}):
        server.publish("listed", 2, "constant_2")
        server.wait_states("listed", {1: END, 2: AVAILABLE})
        old = server.client.statuses(spec("listed", version=1))[0].status
        assert (old.error_code, old.error_message) == (0, "")
    server.wait_states("listed", {1: END, 2: END})
    with refused("NOT_FOUND", "Servable not found for request: Latest(listed)"):
        server.client.value("listed")


# 3.2 Under load


class _Load:
    """Clients that send requests without pause until the block ends, and record every failure."""

    def __init__(self, address: str, *targets: object, clients: int = 4) -> None:
        self._address, self._targets = address, targets
        self.failures: list[str] = []
        self.values: set[tuple[int, float]] = set()
        self.answered = 0
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(clients)]

    def _ask(self, number: int) -> None:
        import grpc

        client = GrpcClient(self._address)
        target = self._targets[number % len(self._targets)]
        while not self._ending.is_set():
            try:
                answer = client.predict(target, {"x": floats(1.0)})
                value = answer.outputs["y"].float_val[0]
                self.values.add((answer.model_spec.version.value, value))
                self.answered += 1
            except grpc.RpcError as error:
                self.failures.append(f"{error.code()}: {error.details()}")
        client.close()

    def __enter__(self) -> _Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(20)


def test_3_2_and_7_no_request_fails_while_versions_and_labels_move(server: ManagedServer) -> None:
    """Versions 1 to 6 come one after the other; a response's version is the one that computed it."""
    published: dict[int | str, str] = {1: "constant_1", 2: "constant_2"}
    with server.model("loaded", published, "latest { num_versions: 2 }"):
        server.wait_states("loaded", {1: AVAILABLE, 2: AVAILABLE})
        server.change("loaded", labels={"stable": 2})
        latest, stable = spec("loaded"), spec("loaded", label="stable")
        with _Load(server.process.address, latest, stable) as load:
            until(lambda: load.answered)
            for version in range(3, 7):
                server.publish("loaded", version, f"constant_{version}")
                until(lambda v=version: server.client.states("loaded").get(v) == AVAILABLE)
                server.change("loaded", labels={"stable": version})
                until(lambda v=version: any(seen == v for seen, _ in [*load.values]))
        assert load.failures == []
        assert load.answered > 100
        assert all(value == version for version, value in load.values)
        assert {version for version, _ in load.values} >= {2, 3, 4, 5, 6}


def test_7_a_slow_load_does_not_disturb_another_model(server: ManagedServer) -> None:
    """While a model that takes seconds to load is added, requests to others are still answered."""
    for version, model in ((1, "slow_loading"), (2, "heavy")):
        server.publish("slowly", version, model)
    moments: list[float] = []
    ending = threading.Event()

    def ask() -> None:
        import time

        client = GrpcClient(server.process.address)
        while not ending.is_set():
            client.value("resident")
            moments.append(time.monotonic())
        client.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        until(lambda: len(moments) > 10)
        first = len(moments)
        server.reload(Model("slowly", server.base("slowly"), "all {}"))
        server.wait_states("slowly", {1: AVAILABLE, 2: AVAILABLE}, 40)
        during = moments[first:]
    finally:
        ending.set()
        asking.join(20)
        server.forget("slowly")
    load = during[-1] - during[0]
    assert load > 2.0, "it took seconds"
    gaps = [later - earlier for earlier, later in itertools.pairwise(during)]
    assert max(gaps) < load / 2 and len(gaps) > 100


def test_memory_comes_back_after_unload(server: ManagedServer) -> None:
    """A model with a variable of 192 MB is loaded and unloaded three times."""
    loaded: list[float] = []
    for turn in range(3):
        with server.model("memory", {1: "memory"} if turn == 0 else {}):
            assert server.client.value("memory") == [2.0]
            loaded.append(server.process.resident_megabytes())
        server.wait_states("memory", {1: END})
        until(lambda: loaded[-1] - server.process.resident_megabytes() > 150)
    assert max(loaded) - loaded[0] < 50, "and nothing piles up"
