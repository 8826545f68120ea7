"""Lists that leave nothing out: ML Metadata hands them out in pages, and pages that are sorted by time lose entries.

Its next page holds only ids beyond the last one's, so it takes for granted that who was created later has the higher id. Writers
that cross, or machines whose clocks differ, give ids in another order than times, and what is on the wrong side is on
no page. Sorted by the time of the last update, an entry that is written in between changes its page. Ids never change.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from ml_metadata import ListOptions, OrderByField
from ml_metadata.metadata_store.metadata_store import MAX_NUM_RESULT

_TIMES: Final = {
    OrderByField.CREATE_TIME: attrgetter("create_time_since_epoch", "id"),
    OrderByField.UPDATE_TIME: attrgetter("last_update_time_since_epoch", "id"),
}


def whole(ask: Callable[[ListOptions | None], list[Any]], options: ListOptions | None) -> list[Any]:
    """Returns a list of ML Metadata, complete and in the order that was asked for.

    Args:
        ask: Asks for the list with some options.
        options: The options.
    """
    key = _TIMES.get(options.order_by) if options else None
    if options is None or key is None or (options.limit and options.limit <= MAX_NUM_RESULT):
        return ask(options)  # without pages, or with pages that are sorted by id
    by_id = ListOptions(order_by=OrderByField.ID, is_asc=options.is_asc, filter_query=options.filter_query)
    return sorted(ask(by_id), key=key, reverse=not options.is_asc)[: options.limit]
