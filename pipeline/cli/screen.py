"""What commands print: tables and short lines, or JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any


def say(text: str = "") -> None:
    """Prints a line to standard output."""
    sys.stdout.write(text + "\n")


def say_error(text: str) -> None:
    """Prints ``error: …`` to standard error."""
    sys.stderr.write(f"error: {text}\n")
    sys.stderr.flush()


def say_json(value: Any) -> None:
    """Prints one JSON document."""
    say(json.dumps(value, indent=1, default=str))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table with aligned columns; no colours, so it can be piped."""
    cells = [[str(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in [list(head), *cells]) for i in range(len(head))]
    for row in [list(head), *cells]:
        say("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def seconds(value: float | None) -> str:
    """Returns a duration in readable form."""
    if value is None:
        return "?"
    if value < 60:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def moment(value: float) -> str:
    """Returns a time in readable form, in the local time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value)) if value else ""


@contextlib.contextmanager
def noise_to(file: Path) -> Iterator[None]:
    """Redirects what TensorFlow's native code writes to standard error to a file while the block runs."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with file.open("ab") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
