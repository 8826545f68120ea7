from __future__ import annotations

import errno
import os
import shutil

import pytest

from components.pusher import versions
from components.pusher.result import Ledger
from foundation.errors import DataError, StorageError


@pytest.fixture
def model(tmp_path):
    def make(content: str):
        folder = tmp_path / f"model-{content}"
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_text(content)
        (folder / "variables" / "variables.index").write_text("same")
        return folder

    return make


@pytest.fixture
def place(tmp_path):
    return tmp_path / "serving"


def pushed(model, place, contents, keep=5):
    return [versions.push(model(c), place, keep).number for c in contents]


def served(place):
    """Returns the content TF Serving would load: the largest version's."""
    largest = max(int(p.name) for p in place.iterdir() if p.name.isdecimal())
    return (place / str(largest) / "saved_model.pb").read_text()


def test_numbers_rise_even_within_one_second(model, place):
    numbers = pushed(model, place, "abc")
    assert numbers == sorted(set(numbers))
    assert served(place) == "c"


def test_version_folder_holds_only_the_saved_model(model, place):
    [number] = pushed(model, place, "a")
    assert {p.name for p in (place / str(number)).iterdir()} == {"saved_model.pb", "variables"}


def test_pushing_the_same_model_twice_makes_no_new_version(model, place):
    first = versions.push(model("a"), place, 5)
    again = versions.push(first.path, place, 5)
    assert (again.number, again.new) == (first.number, False)


def test_pushing_again_does_not_undo_a_rollback(model, place):
    pushed(model, place, "ab")
    versions.rollback(place)
    versions.push(place.parent / "model-b", place, 5)
    assert served(place) == "a"


def test_keep_versions_removes_the_oldest_unpinned_versions(model, place):
    first, *_ = pushed(model, place, "ab", keep=2)
    versions.pin(place, first)
    later = pushed(model, place, "cde", keep=2)
    assert sorted(v.number for v in versions.versions(place)) == [first, *later[1:]]


def test_unpinned_version_is_removed_by_the_next_push(model, place):
    first, _ = pushed(model, place, "ab", keep=2)
    versions.pin(place, first)
    versions.unpin(place, first)
    done = versions.push(model("c"), place, 2)
    assert done.removed == (first,)


def test_rollback_publishes_the_older_content_under_a_larger_number(model, place):
    first, second = pushed(model, place, "ab")
    back = versions.rollback(place)
    assert (back.number > second, back.entry.rollback_of, served(place)) == (True, first, "a")
    assert [v.current for v in versions.versions(place)] == [True, False, False]


def test_second_rollback_goes_one_model_further_back(model, place):
    pushed(model, place, "abc")
    versions.rollback(place)
    versions.rollback(place)
    assert served(place) == "a"


def test_rollback_to_a_named_version(model, place):
    first, *_ = pushed(model, place, "abc")
    versions.rollback(place, to=first)
    assert served(place) == "a"


@pytest.mark.parametrize(
    ("to", "message"),
    [(None, "an older model to go back to"), (7, "expected an existing version")],
    ids=["nothing older", "unknown version"],
)
def test_impossible_rollback_says_why(model, place, to, message):
    pushed(model, place, "a")
    with pytest.raises(DataError, match=message):
        versions.rollback(place, to=to)


def test_rollback_of_nothing_is_an_error(place):
    with pytest.raises(DataError, match="a pushed version"):
        versions.rollback(place)


def test_full_disk_keeps_the_old_version_and_leaves_no_partial_one(model, place, monkeypatch):
    pushed(model, place, "a")

    def full(_source, target):
        target.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    other = model("b")
    monkeypatch.setattr(shutil, "copyfile", full)  # simulates a disk that fills up during the copy
    with pytest.raises(StorageError, match="free space"):
        versions.push(other, place, 5)
    assert served(place) == "a"
    assert not list(place.glob(".*.tmp"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_unwritable_folder_is_a_storage_error(model, place):
    place.mkdir()
    place.chmod(0o500)
    with pytest.raises(StorageError, match="write permission"):
        versions.push(model("a"), place, 5)


def test_folder_that_is_a_file_is_a_storage_error(model, place):
    place.write_text("")
    with pytest.raises(StorageError, match="serving"):
        versions.push(model("a"), place, 5)


def test_leftover_of_a_killed_push_is_swept(model, place):
    place.mkdir()
    (place / ".1.abcdef12.tmp").mkdir()
    pushed(model, place, "a")
    assert not list(place.glob(".*.tmp"))


def test_version_without_ledger_is_recognised_by_its_content(model, place):
    [number] = pushed(model, place, "a")
    (place / Ledger.FILE).unlink()
    assert versions.push(place / str(number), place, 5).new is False


def test_damaged_ledger_is_refused(model, place):
    pushed(model, place, "a")
    (place / Ledger.FILE).write_text("{")
    with pytest.raises(DataError, match="ledger"):
        versions.versions(place)


def test_model_without_saved_model_is_refused(tmp_path, place):
    with pytest.raises(DataError, match=r"saved_model\.pb"):
        versions.push(tmp_path, place, 5)
