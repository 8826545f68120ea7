"""What lives as long as the process is no business of garbage collection."""

from __future__ import annotations

import gc

from serving.memory import spare_loaded_objects


def test_what_exists_is_not_searched_any_more() -> None:
    kept = [object()]
    assert any(one is kept for one in gc.get_objects())
    spare_loaded_objects()
    try:
        assert not any(one is kept for one in gc.get_objects())
    finally:
        gc.unfreeze()
