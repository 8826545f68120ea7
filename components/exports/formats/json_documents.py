"""Cuts an array or consecutive values into documents, and finds the next document after a damaged one.

One stray quote turns text into structure and structure into text up to the next one. So each document's structure is
checked as it is cut; where it breaks, the text up to the next document is one bad piece, and no neighbour is in it.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from components.exports.formats.base import BOM, MAX_TEXT_DOCUMENT, Part
from components.exports.formats.json_grammar import STRING, Damage, before, document_end, whole_document
from components.exports.formats.window import Pieces
from foundation.errors import DataError

MAX_DAMAGE = 32 * 2**20
"""Bytes that one bad piece may span."""
_SAMPLED = 100
"""First documents of a file that show what its documents are like."""
_ENOUGH = 10
_NEAR = 2**16
"""Bytes after damage that show it, where there are not enough before."""
_TYPICAL = 0.9
_MUCH_SMALLER = 4
_FEW = 2
"""Usual keys that are too few to know a document by."""
_SURE = 0.7
"""Share of the samples, by squared length, that must begin with one key for it to tell documents from those inside them."""
_BRACE = re.compile(rb"\{")
_LEAD = re.compile(rb"(?:[ \t\r\n\v\f]++|\xef\xbb\xbf)*+\[?(?:[ \t\r\n\v\f,]++|\xef\xbb\xbf)*+")
_BETWEEN = re.compile(rb"(?:[ \t\r\n\v\f,]++|\xef\xbb\xbf|\][ \t\r\n]*+(?:\xef\xbb\xbf)?\[)*+")
"""Also between two arrays, as files that were put one behind the other have them."""
_CLOSING = re.compile(rb"\][ \t\r\n\v\f]*+\Z")
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
            start = self._after_separators(text, found.end)
            if not ended and (start > len(text) - 3 or _CLOSING.match(text, start)):
                break  # a byte order mark or another array may follow
            if start == len(text) or (self._is_array and _CLOSING.match(text, start)):
                found.end = len(text)
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
            if len(self._typical) < _SAMPLED and _keys(found.documents[-1]):
                self._typical.append(found.documents[-1])
        elif ended or len(text) - start > MAX_DAMAGE:
            if _Shape(self._typical).next_document(text, start + 1, len(text)) is not None:
                return self._take_damage(found, text, start, len(text), ended)  # a bracket is lost
            if ended or len(text) - start > MAX_TEXT_DOCUMENT:
                raise self._truncated(start)
        return end

    def _take_damage(self, found: Pieces, text: bytes, start: int, place: int, ended: bool) -> int | None:
        """Takes everything up to the next document as one bad piece."""
        if len(self._typical) < _ENOUGH and not ended and len(text) - place < _NEAR:
            return None
        ahead = _sound_after(text, place) if len(self._typical) < _ENOUGH else []
        shape = _Shape(self._typical + ahead, bool(ahead))
        end = shape.next_document(text, start + text.startswith(b"{", start), place)
        is_last = end is None and ended
        if end is None and not ended and len(text) - start <= MAX_DAMAGE:
            return None
        end = len(text) if end is None else end
        if is_last:
            self._check_complete(text, start)
        begin = _begin_of_damage(found, text, start, shape)
        piece = text[begin:end].rstrip()
        piece = piece.removesuffix(b"]") if is_last and self._is_array else piece
        found.take(piece.rstrip(b" \t\r\n\v\f,"), begin)
        return end

    def _after_separators(self, text: bytes, place: int) -> int:
        pattern = _BETWEEN if self._begin or place else _LEAD
        found = pattern.match(text, place)
        return found.end() if found else place

    def _check_complete(self, text: bytes, start: int) -> None:
        """Checks that a file whose end is damaged has its end."""
        piece = text[start:].rstrip()
        ending = b"]" if self._is_array else b"}" if piece.startswith(b"{") else b""
        if not piece.endswith(ending):
            raise self._truncated(start)

    def _note(self, found: Pieces, text: bytes, ended: bool) -> None:
        self._last = text[: found.end].rstrip()[-1:] or self._last
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


def _begin_of_damage(found: Pieces, text: bytes, start: int, shape: _Shape) -> int:
    """Takes back what was cut before damage and belongs to it; returns where the damage begins.

    A document that a stray bracket closes too early goes on with its other members; documents inside them were taken
    for documents of their own.
    """
    if text[start : start + 1] not in (b'"', b"}", b"]") or shape.begins(b"{" + text[start : start + 2**10]):
        return start
    while found.documents and shape.is_alien(found.documents[-1]):
        found.documents.pop()
        start = found.offsets.pop()
    if found.documents and not shape.is_whole(found.documents[-1]):
        after = found.offsets[-1] + len(found.documents[-1])
        if text[after:start].strip(b" \t\r\n,[") == b"":
            found.documents.pop()
            start = found.offsets.pop()
    return start


class _Shape:
    """What documents of a file have in common, by which one is told from a document inside another.

    Args:
        samples: Some documents.
        mixed: Whether some of them may have been inside a damaged document: such are much smaller than the largest.
    """

    def __init__(self, samples: list[bytes], mixed: bool = False) -> None:
        least = max(map(len, samples), default=0) / _MUCH_SMALLER if mixed else 0
        parsed = [(raw, keys) for raw in samples if len(raw) >= least and (keys := _keys(raw))]
        firsts: Counter[bytes] = Counter()
        for raw, _ in parsed:
            if first := _FIRST_KEY.match(raw):
                firsts[first[1]] += len(raw) ** 2  # what was inside a damaged document is small
        (key, size), *_ = firsts.most_common(1) or [(b'""', 0)]
        self._opening = re.compile(rb"\{[ \t\r\n]*+" + re.escape(key) + rb"[ \t\r\n]*+:")
        is_first = size >= _SURE * firsts.total()
        alike = [(raw, keys) for raw, keys in parsed if self.begins(raw) or not is_first]
        counted = Counter(key for _, keys in alike for key in keys)
        self._known = frozenset(key for _, keys in parsed for key in keys)
        self._usual = {key for key, times in counted.items() if times >= _TYPICAL * len(alike)}
        alone = all(len(self._opening.findall(raw)) == 1 for raw, _ in alike)
        self._is_sure = bool(alike) and is_first and alone

    def begins(self, text: bytes) -> bool:
        """Returns whether a text begins like a document."""
        return self._opening.match(text) is not None

    def is_alien(self, raw: bytes) -> bool:
        """Returns whether a document has nothing of what is usual."""
        keys = _keys(raw)
        return bool(keys) and not self.begins(raw) and not self._fits(keys)

    def is_whole(self, raw: bytes) -> bool:
        """Returns whether a document has all keys that are usual."""
        return _keys(raw) >= self._usual

    def next_document(self, text: bytes, start: int, place: int) -> int | None:
        """Returns where the next document begins, or None if there is none in the text.

        Args:
            text: The text.
            start: The first place to look at, if the first key tells a document from one inside another.
            place: The first place to look at otherwise: where the damage showed.
        """
        pattern, low = (self._opening, start) if self._is_sure else (_BRACE, place)
        for brace in pattern.finditer(text, low):
            if before(text, brace.start()) != b":" and self._is_document(text, brace.start()):
                return brace.start()
        return None

    def _is_document(self, text: bytes, start: int) -> bool:
        try:
            end = document_end(text, start)
        except Damage:
            return self._is_sure
        if end is None:
            return self._is_sure
        keys = _keys(text[start:end])
        if not (self._is_sure or _FOLLOWING.match(text, end)):
            return len(self._usual) > _FEW and keys >= self._usual
        return self._fits(keys) or (self._is_sure and not keys)

    def _fits(self, keys: frozenset[str]) -> bool:
        if len(self._usual) > _FEW:
            return 2 * len(keys & self._usual) >= len(self._usual)
        return 2 * len(keys & self._known) > len(keys)  # documents that have little in common


def _keys(raw: bytes) -> frozenset[str]:
    """Returns the top-level keys of a document; none if it is not JSON."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _sound_after(text: bytes, place: int) -> list[bytes]:
    """Returns sound documents after a place; some may be inside a damaged one."""
    found: list[bytes] = []
    end = min(len(text), place + _NEAR)
    while (place := text.find(b"{", place, end)) >= 0 and len(found) < _SAMPLED:
        whole = whole_document().match(text, place)
        if whole and _keys(whole.group()):
            found.append(whole.group())
        place = whole.end() if whole else place + 1
    return found
