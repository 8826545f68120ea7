"""Imports without garbage collection."""

from __future__ import annotations

import gc

import pytest

from foundation.processes.importing import uncollected


def test_nothing_is_collected_meanwhile_and_what_came_is_left_alone_afterwards() -> None:
    before = gc.get_freeze_count()
    searches = [one["collections"] for one in gc.get_stats()]
    with uncollected():
        kept = [[] for _ in range(100_000)]
    assert [one["collections"] for one in gc.get_stats()] == searches
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)
    gc.unfreeze()


def test_a_failed_import_turns_it_on_again() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


def test_where_it_is_off_it_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
