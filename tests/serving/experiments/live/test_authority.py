"""Which document leads, and that nobody is assigned before the store knows how to count it."""

from __future__ import annotations

from pathlib import Path

from serving.experiments.live.authority import KEY, Authority, replicas
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Document
from tests.serving.experiments.live.conftest import Open, experiment
from tests.serving.experiments.live.plane import Clock


class Busy(SqliteStore):
    """A store whose document of replicas another process writes just before us, some times in a row."""

    busy = 0

    def write(self, key: str, value: Document, expected: int) -> bool:
        if key == KEY and self.busy:
            self.busy -= 1
            number, there = self.read(KEY) or (0, {})
            assert super().write(
                KEY, {**there, "known": {**there.get("known", {}), f"x{self.busy}": 1.0}}, number
            )
        return super().write(key, value, expected)


def test_a_replica_that_others_overtake_says_its_word_all_the_same(tmp_path: Path) -> None:
    store = Busy(tmp_path / "s.db", Clock())
    one = Authority(store)
    store.busy = 5
    assert one.leads("a", 100.0, {})
    assert [said["document"] for said in replicas(store, 100.0)] == ["a"]
    store.close()


def test_the_document_that_was_edited_last_leads_even_if_it_was_in_force_before(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db", Clock())
    one, two = Authority(store), Authority(store)
    assert one.leads("a", 100.0, {})
    assert two.leads("b", 101.0, {})
    assert not one.leads("a", 102.0, {})
    assert two.leads("a", 103.0, {})  # edited back
    assert one.leads("a", 104.0, {})
    assert one.others == {}
    restarted = Authority(store)
    assert not restarted.leads("b", 105.0, {})  # an old document on a machine that was forgotten
    two.leave()
    one.leave()
    assert restarted.leads("b", 106.0, {})
    store.close()


def test_a_new_experiment_is_declared_by_whoever_comes_first(opened: Open) -> None:
    plane = opened(experiment())
    keeper = plane.live.keeper
    keeper._authority.leads = lambda *_: False  # type: ignore[method-assign]
    (plane.live.followed.path).write_text(experiment(name="f"))
    plane.live.tick()
    assert not keeper.leads
    assert set(plane.live.store.declared()) == {"e", "f"}
