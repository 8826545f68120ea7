"""Takes the values of paths from all documents of a block at once; what ``value_at`` says of one document holds for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.exports import extended_json
from components.exports.documents import BLOCKED, MISSING, as_document, is_too_deep, value_at
from components.exports.extended_json import ExtendedJsonError
from components.exports.formats.base import BadDocumentError

Path = tuple[str, ...]

_IN_ARRAY = object()
"""The path leads through an array of this document."""


def values_at(documents: Sequence[dict[str, Any]], paths: Sequence[Path], wrapped: bool) -> list[list[Any]]:
    """Returns for each path the value of each document, as ``value_at`` does.

    Args:
        documents: Parsed documents.
        paths: Dotted paths, split.
        wrapped: Whether leaves are still Extended JSON and must be unwrapped.

    Raises:
        BadDocumentError: A value of any document holds a malformed wrapper, or is nested too deeply.
    """
    taken = _Taken(documents, wrapped)
    return [taken.values(path) for path in paths]


class _Taken:
    """What was taken from documents; paths share what lies on their way."""

    def __init__(self, documents: Sequence[dict[str, Any]], wrapped: bool) -> None:
        self._documents, self._wrapped = documents, wrapped
        self._found: dict[Path, list[Any]] = {}
        self._owners: dict[Path, tuple[Sequence[Any], bool]] = {(): (documents, True)}

    def values(self, path: Path) -> list[Any]:
        found = self._at(path)
        if not {dict, list, object}.isdisjoint(set(map(type, found))):
            return [self._leaf(value, path, number) for number, value in enumerate(found)]
        return found

    def _at(self, path: Path) -> list[Any]:
        """Returns the values at a path as they stand in the documents."""
        if path not in self._found:
            owners, are_documents = self._at_way(path[:-1])
            name = path[-1]
            self._found[path] = (
                [owner.get(name, MISSING) for owner in owners]
                if are_documents
                else [
                    owner.get(name, MISSING) if isinstance(owner, dict) else _of_no_document(owner)
                    for owner in owners
                ]
            )
        return self._found[path]

    def _at_way(self, path: Path) -> tuple[Sequence[Any], bool]:
        """Returns what a path leads through, and whether these are documents all."""
        if path not in self._owners:
            owners = [as_document(value, self._wrapped) for value in self._at(path)]
            self._owners[path] = owners, set(map(type, owners)) == {dict}
        return self._owners[path]

    def _leaf(self, value: Any, path: Path, number: int) -> Any:
        if value is _IN_ARRAY:
            return value_at(self._documents[number], path, self._wrapped)
        if not isinstance(value, (dict, list)):
            return value
        if self._wrapped:
            try:
                return extended_json.decode_value(value)
            except ExtendedJsonError as error:
                raise BadDocumentError(str(error)) from error
        if is_too_deep(value):
            raise BadDocumentError(extended_json.TOO_DEEP)
        return value


def _of_no_document(owner: Any) -> Any:
    """Returns what the member of a value is that is no document."""
    if owner is None or owner is MISSING:
        return MISSING
    return _IN_ARRAY if isinstance(owner, list) or owner is _IN_ARRAY else BLOCKED
