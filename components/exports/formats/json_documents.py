"""Cuts an array or consecutive values into documents, and finds the next document after a damaged one.

One stray quote turns text into structure and structure into text up to the next one. So each document's structure is
checked as it is cut; where it breaks, the text up to the next document is one bad piece, and no neighbour is in it.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from components.exports.formats.base import BOM, MAX_TEXT_DOCUMENT, Part
from components.exports.formats.json_grammar import DOCUMENT, STRING, Damage, before, document_end
from components.exports.formats.window import Pieces
from foundation.errors import DataError

MAX_DAMAGE = 32 * 2**20
"""Bytes that one bad piece may span."""
_SAMPLED = 50
_TYPICAL = 0.9
_BRACE = re.compile(rb"\{")
_BETWEEN = re.compile(rb"(?:[ \t\r\n\v\f,\[\]]++|\xef\xbb\xbf)*+")
_FIRST_KEY = re.compile(rb"\{[ \t\r\n]*+(" + STRING + rb")", re.DOTALL)
_FOLLOWING = re.compile(rb"[ \t\r\n]*+(?:,[ \t\r\n]*+(?:\{|\Z)|\{|\Z|\][ \t\r\n]*+\Z)")


class DocumentCutter:
    """Cuts the documents of one file.

    Args:
        part: The file, for messages.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._begin = 0
        self._is_array: bool | None = None
        self._last = b""
        self._typical: list[bytes] = []

    def cut(self, text: bytes, ended: bool, most: int) -> Pieces:
        """Cuts text that begins with a document or with what stands between two.

        Raises:
            DataError: The file ends inside a document or before the array's closing bracket.
        """
        found = Pieces()
        if self._is_array is None and (head := text.removeprefix(BOM).lstrip()[:1]):
            self._is_array = head == b"["
        while found.end < min(most, len(text)):
            start = _after_separators(text, found.end)
            if start > len(text) - 3 and not ended:  # less than a byte order mark
                break
            if start == len(text):
                found.end = start
                break
            end = self._take_document(found, text, start, ended)
            if end is None:
                break
            found.end = end
        self._note(found, text, ended)
        return found

    def _take_document(self, found: Pieces, text: bytes, start: int, ended: bool) -> int | None:
        """Takes the document at a place, or the damage; returns where it ends, or None to see more first."""
        try:
            end = document_end(text, start)
        except Damage as damage:
            return self._take_damage(found, text, start, damage.place, ended)
        if end is not None:
            found.take(text[start:end], start)
        elif ended or len(text) - start > MAX_TEXT_DOCUMENT:
            raise self._truncated(start)
        return end

    def _take_damage(self, found: Pieces, text: bytes, start: int, place: int, ended: bool) -> int | None:
        """Takes everything up to the next document as one bad piece."""
        shape = _Shape(found.documents[-_SAMPLED:] or self._typical or _largest_after(text, place))
        end = shape.next_document(text, place)
        is_last = end is None and ended
        if end is None and not ended and len(text) - start <= MAX_DAMAGE:
            return None
        end = len(text) if end is None else end
        if is_last:
            self._check_complete(text, start)
        begin = _closed_too_early(found, text, start, shape)
        piece = text[begin:end].rstrip()
        piece = piece.removesuffix(b"]") if is_last and self._is_array else piece
        found.take(piece.rstrip(b" \t\r\n\v\f,"), begin)
        return end

    def _check_complete(self, text: bytes, start: int) -> None:
        """Checks that a file whose end is damaged has its end."""
        piece = text[start:].rstrip()
        ending = b"]" if self._is_array else b"}" if piece.startswith(b"{") else b""
        if not piece.endswith(ending):
            raise self._truncated(start)

    def _note(self, found: Pieces, text: bytes, ended: bool) -> None:
        self._last = text[: found.end].rstrip()[-1:] or self._last
        self._typical = found.documents[-_SAMPLED:] or self._typical
        self._begin += found.end
        if ended and found.end == len(text) and self._is_array and self._last != b"]":
            self._begin -= found.end
            raise self._truncated(found.end)

    def _truncated(self, place: int) -> DataError:
        return DataError(
            f"export file {self._part.name}, byte {self._begin + place}",
            expected="a complete document or array",
            seen="the end of the file, or over 128 MiB, in its middle",
            remedy="export the file again; JSON lines (mongoexport without --jsonArray) lose one document at most",
        )


def _after_separators(text: bytes, place: int) -> int:
    found = _BETWEEN.match(text, place)
    return found.end() if found else place


def _closed_too_early(found: Pieces, text: bytes, start: int, shape: _Shape) -> int:
    """Takes back the document before a damage that goes on with its members; returns where the damage begins."""
    stray = text[start : start + 2**10]
    if found.documents and stray.startswith(b'"') and not shape.begins(b"{" + stray):
        last = found.offsets[-1]
        if text[last + len(found.documents[-1]) : start].strip() == b",":
            found.documents.pop()
            return found.offsets.pop()
    return start


class _Shape:
    """What documents of a file have in common, by which one is told from a document inside another.

    Args:
        samples: Some documents.
    """

    def __init__(self, samples: list[bytes]) -> None:
        parsed = [(raw, keys) for raw in samples if (keys := _keys(raw))]
        counted = Counter(key for _, keys in parsed for key in keys)
        self._usual = {key for key, times in counted.items() if times >= _TYPICAL * len(parsed)}
        firsts = Counter(first[1] for raw, _ in parsed if (first := _FIRST_KEY.match(raw)))
        (key, times), *_ = firsts.most_common(1) or [(b'""', 0)]
        self._opening = re.compile(rb"\{[ \t\r\n]*+" + re.escape(key) + rb"[ \t\r\n]*+:")
        alone = all(len(self._opening.findall(raw)) <= 1 for raw, _ in parsed)
        self._is_sure = bool(parsed) and times >= _TYPICAL * len(parsed) and alone

    def begins(self, text: bytes) -> bool:
        """Returns whether a text begins like a document."""
        return self._opening.match(text) is not None

    def next_document(self, text: bytes, place: int) -> int | None:
        """Returns where the next document begins, or None if there is none in the text."""
        if self._is_sure:
            for found in self._opening.finditer(text, place):
                if before(text, found.start()) != b":":
                    return found.start()
            return None
        for brace in _BRACE.finditer(text, place):
            if self._is_document(text, brace.start()):
                return brace.start()
        return None

    def _is_document(self, text: bytes, start: int) -> bool:
        try:
            end = document_end(text, start)
        except Damage:
            return False
        if end is None or not _FOLLOWING.match(text, end) or before(text, start) == b":":
            return False
        keys = _keys(text[start:end])
        return 2 * len(keys & self._usual) >= len(self._usual)


def _keys(raw: bytes) -> frozenset[str]:
    """Returns the top-level keys of a document; none if it is not JSON."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _largest_after(text: bytes, place: int) -> list[bytes]:
    """Returns the largest of the next documents: no document inside another is larger than all that are not."""
    near = text[place : place + 2**16]
    found = [
        whole.group() for brace in _BRACE.finditer(near) if (whole := DOCUMENT.match(near, brace.start()))
    ]
    return [max(found, key=len)] if found else []
