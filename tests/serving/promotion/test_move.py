"""A label moves on all servers or on none, and files and servers agree."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from foundation.errors import PenstockError, StorageError
from foundation.lock import locked
from serving.promotion import move as moving
from serving.promotion.move import Move, PromotionError, move
from tests.serving.promotion.doubles import Double, config

TO_TWO = Move("m", "stable", 1, 2)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Double, Double]:
    return Double("main", tmp_path / "main.config"), Double("far", tmp_path / "far.config")


def text(server: Double) -> str:
    assert server.file
    return server.file.read_text()


def test_all_servers_and_their_files_have_it(pair: tuple[Double, Double]) -> None:
    assert move(pair, TO_TWO) == []
    for server in pair:
        assert server.labels == {"stable": 2, "canary": 2}
        assert text(server) == config(stable=2, canary=2)


@pytest.mark.parametrize("at", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("how", ["refuses", "deaf"])
def test_if_one_server_does_not_follow_all_is_as_before(
    pair: tuple[Double, Double], at: int, how: str
) -> None:
    setattr(pair[at], how, 1)
    with pytest.raises(PromotionError, match="all servers are as before"):
        move(pair, TO_TWO)
    for server in pair:
        assert server.labels == {"stable": 1, "canary": 2}
        assert text(server) == config(stable=1, canary=2)


def test_if_a_file_cannot_be_written_no_server_is_told(
    pair: tuple[Double, Double], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = moving._replace

    def full(file: Path, content: str) -> None:
        if file.name == "far.config" and content == config(stable=2, canary=2):
            raise StorageError(f"{file}", expected="space", seen="no space left", remedy="free some")
        write(file, content)

    monkeypatch.setattr(moving, "_replace", full)
    with pytest.raises(PromotionError, match="no space left"):
        move(pair, TO_TWO)
    assert [server.reloads for server in pair] == [[], []]
    assert [text(server) for server in pair] == [config(stable=1, canary=2)] * 2


def test_what_cannot_be_undone_is_said(pair: tuple[Double, Double]) -> None:
    main, far = pair
    far.refuses = 1
    reload = main.reload

    def once(content: str) -> None:
        if main.reloads:
            main.silent = True
        main.version_of("m")
        reload(content)

    main.reload = once  # type: ignore[method-assign]
    with pytest.raises(PromotionError, match="backend main could not be told"):
        move(pair, TO_TWO)
    assert text(main) == config(stable=1, canary=2)


def test_a_version_that_is_not_loaded_is_refused_before_anything_changes(pair: tuple[Double, Double]) -> None:
    pair[1].versions = (1, 3)
    with pytest.raises(PromotionError, match=r"version 2 loaded.*let model_version_policy"):
        move(pair, TO_TWO)
    assert [text(server) for server in pair] == [config(stable=1, canary=2)] * 2


def test_a_label_that_somebody_else_moved_is_left_alone(pair: tuple[Double, Double]) -> None:
    pair[1].labels["stable"] = 3
    with pytest.raises(PromotionError, match=r"version 1 in far.config, version 3 at the server"):
        move(pair, TO_TWO)
    assert pair[0].reloads == []


def test_what_was_cut_off_is_completed_by_the_same_command(pair: tuple[Double, Double]) -> None:
    assert pair[0].file
    pair[0].file.write_text(config(stable=2, canary=2))  # a process that died after the first file
    move(pair, TO_TWO)
    assert [server.labels["stable"] for server in pair] == [2, 2]


def test_servers_may_share_a_file(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    pair = Double("a", file), Double("b", file)
    pair[1].refuses = 1
    with pytest.raises(PromotionError):
        move(pair, TO_TWO)
    assert file.read_text() == config(stable=1, canary=2)
    move(pair, TO_TWO)
    assert file.read_text() == config(stable=2, canary=2)


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.config", tmp_path / "link.config"
    real.write_text(config(stable=1, canary=2))
    real.chmod(0o640)
    link.symlink_to(real)
    move([Double("main", link)], TO_TWO)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_text() == config(stable=2, canary=2)


def test_one_promotion_at_a_time(pair: tuple[Double, Double], tmp_path: Path) -> None:
    busy = locked(tmp_path / ".far.config.lock", lambda: PenstockError("test"))
    with busy, pytest.raises(PromotionError, match="no other promotion"):
        move(pair, TO_TWO)


def test_a_server_that_does_not_answer_changes_nothing(pair: tuple[Double, Double]) -> None:
    pair[1].silent = True
    with pytest.raises(PenstockError, match="no connection"):
        move(pair, TO_TWO)
    assert pair[0].reloads == []
    assert text(pair[0]) == config(stable=1, canary=2)
