"""The plan of an export, written before the first document is read, so that a killed export resumes with it."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import DataError, LockedError, SpecError, StorageError
from foundation.lock import locked
from foundation.publish import storage_error, write_text
from pipeline.export import place
from pipeline.export.ranges import IdRange
from pipeline.export.settings import ExportSettings
from pipeline.export.snapshot import Snapshot
from pipeline.export.window import Window

_PLAN = ".plan.json"


@dataclass(frozen=True)
class ExportPlan:
    """The decisions made when an export starts."""

    identity: dict[str, object]
    ranges: tuple[IdRange, ...]
    window: Window | None
    snapshot: Snapshot
    started: datetime.datetime
    server: str

    def to_json(self) -> str:
        """Returns the plan as JSON."""
        value = {
            "identity": self.identity,
            "ranges": [each.to_json() for each in self.ranges],
            "window": self.window.to_json() if self.window else None,
            "snapshot": self.snapshot.to_json(),
            "started": self.started.isoformat(),
            "server": self.server,
        }
        return json.dumps(value)

    @staticmethod
    def from_json(text: str) -> ExportPlan:
        """Parses the output of ``to_json``."""
        value = json.loads(text)
        return ExportPlan(
            value["identity"],
            tuple(IdRange.from_json(each) for each in value["ranges"]),
            Window.from_json(value["window"]) if value["window"] else None,
            Snapshot.from_json(value["snapshot"]),
            datetime.datetime.fromisoformat(value["started"]),
            value["server"],
        )


def choose_span(settings: ExportSettings) -> int:
    """Returns the span: the requested one, an unfinished one, or one more than the highest.

    Raises:
        StorageError: The span exists already, or the folder cannot be read.
    """
    there = place.spans(settings)
    work = settings.folder.iterdir() if settings.folder.exists() else ()
    unfinished = [e.name[1:-8] for e in work if e.name.startswith(".") and e.name.endswith(".partial")]
    if settings.span is not None:
        if settings.span in there and str(settings.span) not in unfinished:
            raise StorageError(
                f"span {settings.span} of {settings.remote or settings.folder}",
                expected="a span that does not exist yet",
                seen="it exists",
                remedy="omit --span to use the next number",
            )
        return settings.span
    return max((int(name) for name in unfinished if name.isdecimal()), default=max(there, default=0) + 1)


def partial_folder(settings: ExportSettings, span: int) -> Path:
    """Returns where an export is written until it is complete; no export pattern matches it."""
    return settings.folder / f".{span}.partial"


@contextmanager
def held(partial: Path) -> Iterator[None]:
    """Locks the folder of an unfinished export for this process; one that ends without a plan leaves no folder.

    Raises:
        LockedError: Another process is exporting into it.
        StorageError: It cannot be written.
    """

    def busy() -> LockedError:
        return LockedError(
            f"{partial}", expected="no other export into it", seen="one running", remedy="wait for it"
        )

    made = [folder for folder in (partial, *partial.parents) if not folder.exists()]
    try:
        partial.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise storage_error(partial, error) from error
    with locked(partial / ".lock", busy, mode=0o600):
        try:
            yield
        finally:
            _remove_unused(partial, made)


def _remove_unused(partial: Path, made: list[Path]) -> None:
    """Removes the folder if nothing but the lock is in it, and the folders above that were made for it."""
    if partial.exists() and [entry.name for entry in partial.iterdir()] == [".lock"]:
        discard(partial)
    for folder in made:
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def restart(partial: Path) -> None:
    """Removes the files of an unfinished export."""
    for entry in partial.iterdir():
        if entry.name != ".lock":
            entry.unlink()


def load(partial: Path, settings: ExportSettings) -> ExportPlan | None:
    """Returns the plan of an unfinished export, or None if there is none.

    Raises:
        SpecError: It is a different export's.
    """
    path = partial / _PLAN
    if not path.exists():
        return None
    plan = ExportPlan.from_json(path.read_text(encoding="utf-8"))
    different = [key for key, value in settings.identity().items() if plan.identity.get(key) != value]
    if different:
        raise SpecError(
            f"the unfinished export in {partial}",
            expected=f"the same {' and '.join(different)} as when it started",
            seen="another",
            remedy="use the same settings, or start over with --restart",
        )
    return plan


def save(partial: Path, plan: ExportPlan) -> None:
    """Writes the plan."""
    write_text(partial / _PLAN, plan.to_json())


def last_window(settings: ExportSettings) -> Window | None:
    """Returns the window of the newest incremental export into the folder, or None.

    Raises:
        DataError: It has another collection, filter or projection.
    """
    for span in sorted(place.spans(settings), reverse=True):
        manifest = place.manifest_of(settings, span)
        window = manifest.get("window")
        if not window or window["field"] != settings.incremental:
            continue
        same = ("database", "collection", "filter", "projection")
        different = [key for key in same if manifest["export"].get(key) != settings.identity()[key]]
        if different:
            raise DataError(
                f"span {span} of {settings.remote or settings.folder}",
                expected=f"an export with the same {' and '.join(different)}",
                seen="another",
                remedy="export into a separate folder",
            )
        return Window.from_json(window)
    return None


def discard(partial: Path) -> None:
    """Removes the folder of an export that found nothing."""
    shutil.rmtree(partial)
