"""Backslashes in what ML Metadata writes to PostgreSQL: its own quoting of them is wrong, so it refuses the whole write.

ML Metadata puts a text that the client library has quoted, ``E'…'`` where it holds a backslash, into quotes once more: a
syntax error. JSON with a line break in a text has one, such as the Evaluator's settings. What stands in its place looks
the same to a person; executors get their settings from the compiled pipeline, never from there.
"""

from __future__ import annotations

from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb

BACKSLASH = "\\"
INSTEAD = "\N{FULLWIDTH REVERSE SOLIDUS}"


def without_backslashes(message: Any) -> None:
    """Replaces backslashes in all property values of a request, in place.

    Args:
        message: A message of ML Metadata.
    """
    if isinstance(message, pb.Value):
        if BACKSLASH in message.string_value:
            message.string_value = message.string_value.replace(BACKSLASH, INSTEAD)
        return
    for about, value in message.ListFields():
        if about.message_type is None:
            continue
        if about.message_type.GetOptions().map_entry:
            for one in value.values():
                if isinstance(one, pb.Value):
                    without_backslashes(one)
        elif about.is_repeated:
            for one in value:
                without_backslashes(one)
        else:
            without_backslashes(value)
