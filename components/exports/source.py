"""Finds the files of a pattern (file, folder, glob, latest or given span and version) and fingerprints them.

Planning uses it: it answers in milliseconds and imports neither TensorFlow nor NumPy.
"""

from __future__ import annotations

import datetime
import glob
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from foundation.errors import DataError, near_miss
from foundation.publish import storage_error
from foundation.storage import Location, RemotePath, is_remote, locate

HASHED_WHOLE_BYTES = 16 * 2**20
"""Exports up to this size are fingerprinted by full content; larger ones by samples, sizes and times."""
SAMPLE_BYTES = 16 * 2**10
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = {"SPAN": r"\d+", "VERSION": r"\d+", "YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}"}
_GLOB_TOKEN = re.compile(
    r"\{(?P<name>[A-Z]+)\}|(?P<deep>\*\*/?)|(?P<star>\*)|(?P<any>\?)|(?P<set>\[[^\]]*\])"
)
_NOT_DATA = re.compile(
    r"^[._]|^bad-\d+\.index\.jsonl$|^manifest\.json$|\.metadata\.json(\.gz)?$|^prelude\.json(\.gz)?$"
)
_DUMPED = re.compile(r"\.bson(\.gz)?$")
_METADATA = re.compile(r"(\.metadata|(^|/)prelude)\.json(\.gz)?$")
_EPOCH = datetime.date(1970, 1, 1)


class InputFile(NamedTuple):
    """One file of an export."""

    path: str
    """Path with forward slashes, relative to the base folder where it lies inside it."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, or 0 if the fingerprint covers the full content."""
    checksum: str = ""
    """The store's checksum or version of a remote file."""


@dataclass(frozen=True)
class ResolvedInput:
    """The files that a pattern matches now."""

    span: int | None
    version: int | None
    files: tuple[InputFile, ...]
    fingerprint: str
    spans: tuple[ResolvedInput, ...] = ()
    """The spans of a window, in order; empty without a window."""

    def to_json(self) -> str:
        """Returns the input as canonical JSON; equal for unchanged content."""
        return json.dumps(self._plain(), sort_keys=True)

    def _plain(self) -> dict[str, Any]:
        spans = [span._plain() for span in self.spans]
        return {**asdict(self), "files": [list(f) for f in self.files], "spans": spans}

    @staticmethod
    def from_json(text: str) -> ResolvedInput:
        """Reads what ``to_json`` wrote."""
        return ResolvedInput._of(json.loads(text))

    @staticmethod
    def _of(value: dict[str, Any]) -> ResolvedInput:
        files = tuple(InputFile(*f) for f in value["files"])
        spans = tuple(ResolvedInput._of(span) for span in value.get("spans", ()))
        return ResolvedInput(**{**value, "files": files, "spans": spans})

    def absolute_paths(self, base_folder: Path) -> list[Location]:
        """Returns the files as absolute paths, or addresses in a store."""
        return [locate(file.path, Path(base_folder).absolute()) for file in self.files]


def resolve(
    pattern: str,
    base_folder: Path,
    span: int | str = "latest",
    section: str = "data",
    may_be_empty: bool = False,
) -> ResolvedInput:
    """Finds the files of an export and fingerprints them.

    Args:
        pattern: File, folder or glob, relative to ``base_folder``, absolute, or under ``s3://`` or ``gs://``; may
            hold ``{SPAN}``, ``{VERSION}``, ``{YYYY}``, ``{MM}``, ``{DD}``. A date is the span of its days since
            1970-01-01.
        base_folder: Folder of the document.
        span: ``"latest"`` or a number; for date patterns a number such as 20240131 is that day.
        section: Section of the document that holds the pattern, for messages.
        may_be_empty: Whether an export without documents, such as that of a quiet day, is one without files or with
            empty ones; a pattern that no folder can match is an error in any case.

    Raises:
        DataError: Nothing matches, the export is empty, or the pattern is invalid.
        StorageError: A store does not answer.
    """
    base, key = Path(base_folder).absolute(), f"{section}.mongo_export"
    _check_pattern(pattern, key)
    if may_be_empty and _is_empty(pattern, base):
        return describe([], base, may_be_empty=True)
    found_span, version, paths = _choose(pattern, base, span, key)
    files = sorted({file for path in paths for file in _data_files(path)})
    if not files and not (may_be_empty and paths):
        raise _nothing(pattern, base, key)
    return describe(files, base, found_span, version, may_be_empty)


def _is_empty(pattern: str, base: Path) -> bool:
    """Returns whether the folder that a pattern looks into exists and holds nothing yet."""
    if is_remote(pattern):
        return False  # a store has no folders, so a quiet day looks like a wrong name
    fixed = re.split(r"[*?\[{]", pattern, maxsplit=1)[0]
    folder = base / (fixed if fixed == pattern else fixed.rpartition("/")[0])
    return folder.is_dir() and not any(not _NOT_DATA.search(entry.name) for entry in folder.iterdir())


def describe(
    files: list[Location],
    base: Path,
    span: int | None = None,
    version: int | None = None,
    may_be_empty: bool = False,
) -> ResolvedInput:
    """Returns the given files with their sizes and fingerprint.

    Raises:
        DataError: All files are empty.
        StorageError: A file cannot be read.
    """
    try:
        stats = _stats(files)
    except OSError as error:
        raise storage_error(str(files[0]), error) from error
    total = sum(s.st_size for s in stats)
    if total == 0 and not may_be_empty:
        raise DataError(
            f"export {files[0]}" + (f" and {len(files) - 1} more files" if len(files) > 1 else ""),
            expected="documents",
            seen="0 bytes",
            remedy="export the collection again and check that the query of the export matches documents",
        )
    by_content = total <= HASHED_WHOLE_BYTES and not any(isinstance(file, RemotePath) for file in files)
    described = tuple(
        InputFile(
            _name(file, base),
            stat.st_size,
            0 if by_content else stat.st_mtime_ns,
            getattr(stat, "checksum", ""),
        )
        for file, stat in zip(files, stats, strict=True)
    )
    return ResolvedInput(span, version, described, _fingerprint(described, files, by_content))


def verify_unchanged(resolved: ResolvedInput, base_folder: Path) -> None:
    """Checks that the files have not changed since the input was resolved.

    Raises:
        DataError: A file changed, grew or vanished.
    """
    base = Path(base_folder).absolute()
    if resolved.spans:
        for span in resolved.spans:
            verify_unchanged(span, base)
        return
    for file in resolved.files:
        if not locate(file.path, base).is_file():
            raise DataError(
                f"export file {file.path}",
                expected=f"{file.size} bytes",
                seen="no such file",
                remedy="run again",
            )
    may_be_empty = not any(file.size for file in resolved.files)
    now = describe(resolved.absolute_paths(base), base, resolved.span, resolved.version, may_be_empty)
    if now.fingerprint == resolved.fingerprint:
        return
    changed = [a.path for a, b in zip(now.files, resolved.files, strict=True) if a != b] or [
        "the content of a file"
    ]
    raise DataError(
        f"export file {changed[0]}",
        expected="an export that does not change during the run",
        seen="other content than when the run began",
        remedy="wait until the export is complete (export to another name, then rename), and run again",
    )


def _check_pattern(pattern: str, key: str) -> None:
    locate(pattern)
    for name in _PLACEHOLDER.findall(pattern):
        if name not in _KNOWN:
            hint = near_miss(name.upper(), list(_KNOWN))
            raise DataError(
                f"{key} {pattern!r}",
                expected="the placeholders {SPAN}, {VERSION}, {YYYY}, {MM}, {DD}",
                seen=f"{{{name}}}",
                remedy=hint or "use one of these",
            )
    names = set(_PLACEHOLDER.findall(pattern))
    if names & {"YYYY", "MM", "DD"} and (not {"YYYY", "MM", "DD"} <= names or "SPAN" in names):
        raise DataError(
            f"{key} {pattern!r}",
            expected="{SPAN}, or all of {YYYY}, {MM}, {DD}",
            seen=f"{sorted(names)}",
        )


def _choose(
    pattern: str, base: Path, span: int | str, key: str
) -> tuple[int | None, int | None, list[Location]]:
    if not _PLACEHOLDER.search(pattern):
        return None, None, [locate(match) for match in _matches(pattern, base, _expression(pattern, base))]
    groups = _grouped(pattern, base, key)
    spans = sorted({s for s, _ in groups})
    wanted = spans[-1] if span == "latest" else as_span(int(span), "{YYYY}" in pattern)
    if wanted not in spans:
        shown = ", ".join(str(s) for s in spans[-5:])
        raise DataError(
            f"span {span} of {key} {pattern!r}",
            expected="a span that is there",
            seen=f"spans {shown}",
            remedy=f"correct {key.partition('.')[0]}.span, or export that span first",
        )
    version = max(v for s, v in groups if s == wanted)
    spellings = groups[wanted, version]
    if len(spellings) > 1:
        raise DataError(
            f"span {wanted} of {key} {pattern!r}",
            expected="one spelling",
            seen=" and ".join(sorted(spellings)),
        )
    return (
        wanted if wanted >= 0 else None,
        version if "{VERSION}" in pattern else None,
        next(iter(spellings.values())),
    )


def known_spans(pattern: str, base_folder: Path) -> list[int]:
    """Returns the existing spans in order; none if the pattern has no span.

    Raises:
        DataError: The pattern has one, and nothing matches.
    """
    if not _PLACEHOLDER.search(pattern):
        return []
    return sorted({span for span, _ in _grouped(pattern, Path(base_folder).absolute()) if span >= 0})


def _expression(pattern: str, base: Path) -> re.Pattern[str]:
    if is_remote(pattern) or Path(pattern).is_absolute():
        return re.compile(_as_regex(pattern if is_remote(pattern) else str(Path(pattern))))
    # The folder's own name is taken as it is, whatever is in it.
    return re.compile(re.escape(f"{base}/") + _as_regex(str(Path(pattern))))


def _grouped(
    pattern: str, base: Path, key: str = "data.mongo_export"
) -> dict[tuple[int, int], dict[str, list[Location]]]:
    """Returns (span, version) → the text of its placeholders → what matches; span −1 where the pattern has none."""
    expression = _expression(pattern, base)
    groups: dict[tuple[int, int], dict[str, list[Location]]] = {}
    for match in _matches(pattern, base, expression):
        found = expression.fullmatch(match.rstrip("/"))
        if not found and is_remote(match):  # a store has no folders: here is an object in one
            found = expression.fullmatch(match.rsplit("/", 1)[0])
        number = _span_and_version(found.groupdict()) if found else None
        if found and number:
            written = "/".join(found.groups())
            groups.setdefault(number, {}).setdefault(written, []).append(locate(match))
    if not groups:
        raise _nothing(pattern, base, key)
    return groups


def as_span(span: int, dated: bool) -> int:
    """Returns the span that a number names.

    Args:
        span: The span, or a day as YYYYMMDD.
        dated: Whether the spans are the days of a pattern with ``{YYYY}``.

    Raises:
        DataError: It is no date.
    """
    if not dated or span < 10_000_000:
        return span
    try:
        return (datetime.date(span // 10000, span // 100 % 100, span % 100) - _EPOCH).days
    except ValueError as error:
        raise DataError(f"span {span}", expected="a date such as 20240131", seen=str(error)) from error


def _span_and_version(groups: dict[str, str]) -> tuple[int, int] | None:
    version = int(groups.get("VERSION") or 0)
    if "YYYY" not in groups:
        return int(groups["SPAN"]) if "SPAN" in groups else -1, version
    try:
        day = datetime.date(int(groups["YYYY"]), int(groups["MM"]), int(groups["DD"]))
    except ValueError:
        return None  # a name such as 2024-13-40 is not a date, so not a span
    return (day - _EPOCH).days, version


def _matches(pattern: str, base: Path, expression: re.Pattern[str]) -> list[str]:
    """Returns the files and folders that a pattern matches, in order; one that is called like the pattern is meant."""
    if "[" in pattern and not _PLACEHOLDER.search(pattern) and (called := _called(pattern, base)):
        return called
    if not is_remote(pattern):
        return _without_metadata(sorted(glob.glob(_as_glob(pattern, base), recursive=True)), pattern)
    from foundation import storage_remote

    fixed = re.split(r"[*?\[{]", pattern, maxsplit=1)[0]
    whole = fixed == pattern and not pattern.endswith("/") and RemotePath(pattern).is_file()
    if whole:
        return [pattern]
    folder = RemotePath(fixed if fixed == pattern else fixed.rsplit("/", 1)[0])
    fitting = set()
    for file in storage_remote.list_objects(folder, recursive=fixed != pattern):
        owner = file.url.rsplit("/", 1)[0]
        in_folder = expression.fullmatch(owner) and not _NOT_DATA.search(file.name)
        if expression.fullmatch(file.url) or in_folder:
            fitting.add(file.url)
    return _without_metadata(sorted(fitting), pattern)


def _called(name: str, base: Path) -> list[str]:
    """Returns the file or folder, or the objects in it, with exactly this name, such as ``part[1].jsonl``."""
    if not is_remote(name):
        return [str(base / name)] if (base / name).exists() else []
    from foundation import storage_remote

    place = RemotePath(name.rstrip("/"))
    if place.is_file():
        return [place.url]
    there = storage_remote.list_objects(place, recursive=False)
    return [file.url for file in there if not _NOT_DATA.search(file.name)]


def _without_metadata(matches: list[str], pattern: str) -> list[str]:
    """Returns the matches without what mongodump writes beside its ``.bson`` files, unless the pattern names it."""
    if _METADATA.search(pattern) or not any(_DUMPED.search(match) for match in matches):
        return matches
    return [match for match in matches if not _METADATA.search(match)]


def _as_glob(pattern: str, base: Path) -> str:
    starred = _PLACEHOLDER.sub("*", pattern)
    return starred if Path(pattern).is_absolute() else f"{glob.escape(str(base))}/{starred}"


def _as_regex(pattern: str) -> str:
    out, place, seen = [], 0, set()
    for token in _GLOB_TOKEN.finditer(pattern):
        out.append(re.escape(pattern[place : token.start()]))
        name = token["name"]
        if name:
            out.append(f"(?P={name})" if name in seen else f"(?P<{name}>{_KNOWN[name]})")
            seen.add(name)
        elif token["deep"]:
            out.append(".*")
        else:
            out.append("[^/]*" if token["star"] else "[^/]" if token["any"] else _as_set(token["set"]))
        place = token.end()
    return "".join([*out, re.escape(pattern[place:].rstrip("/"))])


def _as_set(token: str) -> str:
    """Returns a set of characters as a regular expression; ``[[]`` is an opening bracket itself."""
    inner = token[1:-1]
    negated = inner.startswith("!")
    return f"[{'^' if negated else ''}{inner[negated:].replace('[', chr(92) + '[')}]"


def _data_files(path: Location) -> list[Location]:
    if isinstance(path, RemotePath) or path.is_file():
        return [path]
    return [file for file in path.iterdir() if file.is_file() and not _NOT_DATA.search(file.name)]


def _stats(files: list[Location]) -> list[Any]:
    remote = [file for file in files if isinstance(file, RemotePath)]
    if not remote:
        return [file.stat() for file in files]
    from foundation import storage_remote

    return list(storage_remote.stat_all(remote))


def _name(file: Location, base: Path) -> str:
    if isinstance(file, RemotePath):
        return file.url
    return file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix()


def _nothing(pattern: str, base: Path, key: str) -> DataError:
    """Returns the error for a pattern without matches, with the nearest name."""
    if is_remote(pattern):
        return DataError(
            f"{key} {pattern!r}",
            expected="objects that match it",
            seen="none",
            remedy=f"correct {key}, or export the collection first",
        )
    folder, part = base if not Path(pattern).is_absolute() else Path("/"), pattern
    for part in Path(pattern).parts:
        if part == "/":
            continue
        if not (folder / part).exists():
            break
        folder = folder / part
    if not folder.is_dir():
        return DataError(f"{key} {pattern!r}", expected="a file with documents", seen=f"{folder} is not one")
    names = sorted(entry.name for entry in folder.iterdir() if not _NOT_DATA.search(entry.name))
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return DataError(
        f"{key} {pattern!r}",
        expected=f"files that match it under {base}",
        seen=f"none; {folder} holds {shown or 'nothing'}",
        remedy=near_miss(part, names) or f"correct {key}, or export the collection first",
    )


def _fingerprint(described: tuple[InputFile, ...], files: list[Location], by_content: bool) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for info, file in zip(described, files, strict=True):
        digest.update(f"{info.path}\0{info.size}\0{info.mtime_ns}\0{info.checksum}".encode())
        if isinstance(file, RemotePath):
            continue  # the store's checksum represents the content
        try:
            digest.update(_content(file, info.size, by_content))
        except OSError as error:
            raise storage_error(file, error) from error
    return digest.hexdigest()


def _content(file: Path, size: int, whole: bool) -> bytes:
    if whole:
        return file.read_bytes()
    with file.open("rb") as stream:
        samples = []
        for place in (0, max(0, size // 2 - SAMPLE_BYTES // 2), max(0, size - SAMPLE_BYTES)):
            stream.seek(place)
            samples.append(stream.read(SAMPLE_BYTES))
        return b"".join(samples)
