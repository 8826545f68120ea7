"""The end of a benchmark's ``main``: what is refused before it measures, the page that gets its table, one line for an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from local_speed.machine import check_byte_code
from local_speed.tables import check_markers, write_between

from foundation.errors import PenstockError


def tell(mark: str, page: Path | None, measured: Callable[[], str]) -> int:
    """Prints a table, and puts it into a page; returns the exit code.

    Args:
        mark: Topic of the markers in the page.
        page: The page; None: it is only printed.
        measured: Measures, and returns the table as Markdown.
    """
    try:
        check_byte_code()
        if page:
            check_markers(page, mark)
        table = measured()
        if page:
            write_between(page, mark, table)
    except PenstockError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(table)
    return 0
