"""The pipeline itself: an unchanged run is not repeated, a bad document is set aside, an anomaly ends the run.

It runs up to the validation of the data, in a root of its own that is removed, on a copy of the export.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.mongo_example_gen.result import Ingestion
from foundation.errors import DataError, PenstockError
from pipeline.plan import Selection
from pipeline.proving.base import Finding, Project
from pipeline.proving.damage import damaged
from pipeline.runs.book import RunRecord
from pipeline.runs.listener import RunListener
from pipeline.runs.results import RunResults
from pipeline.runs.session import Session
from pipeline.schemas.files import read_schema

_END = "ValidationGate"
_TAKE_BAD = ("data.bad_documents.quarantine=true", "data.bad_documents.fail_above=100%")
"""One bad document is too many for a small sample; what is tested is that it does not end the run by itself."""


def prove(project: Project) -> Iterator[Finding]:
    """Yields how the pipeline behaves on an unchanged export, a damaged one, and one that breaks its schema."""
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as text:
        folder = Path(text)
        root = f"root={folder / 'root'}"
        yield from _repeated(project, root)
        results = _results(project.session(root))
        here = [root, f"data.mongo_export={_copied(results, folder / 'export')}/*", "data.window=1"]
        yield _quarantined(project, here, folder / "export")
        yield _stopped(project, here, folder, results)


def _run(session: Session) -> RunRecord:
    return session.run(Selection(end=_END), RunListener())


def _results(session: Session) -> RunResults:
    complete = [one for one in session.runs.all() if one.state == "complete"]
    return RunResults.of(session.lineage(), complete[-1].id)


def _repeated(project: Project, root: str) -> Iterator[Finding]:
    first = _run(project.session(root))
    made = [node.node for node in first.nodes if node.action == "run"]
    yield Finding("a run", f"{first.state}: {len(made)} nodes", "complete", first.state == "complete")
    again = _run(project.session(root))
    ran = [node.node for node in again.nodes if node.action == "run"]
    yield Finding("the same again", f"{again.state}: {len(ran)} nodes ran", "unchanged: 0 nodes ran", not ran)


def _copied(results: RunResults, folder: Path) -> Path:
    """Copies the files that a run has read, flat, under names in their order.

    Raises:
        DataError: They are not on this machine.
    """
    ingested = results.find(Ingestion)
    files = [Path(file.path) for file in ingested.input.files] if ingested else []
    if not files or not all(file.is_file() for file in files):
        raise DataError(
            "data.mongo_export",
            expected="files on this machine, to damage a copy of them",
            seen="none" if not files else str(next(file for file in files if not file.is_file())),
            remedy="set data.mongo_export to a sample on this machine",
        )
    folder.mkdir()
    for number, file in enumerate(files):
        shutil.copyfile(file, folder / f"{number:05d}-{file.name}")
    return folder


def _quarantined(project: Project, here: list[str], folder: Path) -> Finding:
    before = _set_aside(project, here)
    with damaged(folder, project.session(*here).loaded.spec.data.format) as has_bad_document:
        if not has_bad_document:
            return _refused(project, here)
        more = _set_aside(project, here) - before
    return Finding("a bad document", f"the run went on, {more} more set aside", "1 more set aside", more == 1)


def _refused(project: Project, here: list[str]) -> Finding:
    """Runs on a file that its format does not let be read in part."""
    what, expected = "a file that is cut off", "the run ends, and says what is wrong with the file"
    try:
        _set_aside(project, here)
    except PenstockError as error:
        passed = error.exit_code == DataError.exit_code and "export" in str(error)
        return Finding(what, _said(error), expected, passed)
    return Finding(what, "the run went on", expected, False)


def _set_aside(project: Project, here: list[str]) -> int:
    """Runs, and returns how many documents were set aside."""
    _run(project.session(*here, *_TAKE_BAD))
    found = _results(project.session(*here, *_TAKE_BAD)).find(Ingestion)
    return sum(found.quarantined.values()) if found else 0


def _said(error: PenstockError) -> str:
    return " ".join(str(error).split())[:300]


def _stopped(project: Project, here: list[str], folder: Path, results: RunResults) -> Finding:
    """Runs with a schema that no value of one field fits."""
    expected = "the run ends before Transform, and says what does not fit"
    session = project.session(*here)
    schema = read_schema(_schema_file(session, results))
    field = _narrow(schema, session.loaded.spec.data.label)
    file = folder / "schema.pbtxt"
    file.write_text(str(schema), encoding="utf-8")
    session = project.session(*here, f"schema={file}", "validate.on_anomaly=stop")
    try:
        _run(session)
    except PenstockError as error:
        passed = error.exit_code == DataError.exit_code and f"anomaly in {field}:" in str(error)
        return Finding(f"an anomaly of {field}", _said(error), expected, passed)
    return Finding(f"an anomaly of {field}", "the run went on", expected, False)


def _schema_file(session: Session, results: RunResults) -> Path:
    if session.schema_file.is_file():
        return session.schema_file
    folders = (results.folder(*place) for place, made in results.artifacts.items() if made.type == "Schema")
    return next(file for folder in folders if folder for file in sorted(folder.rglob("*.pbtxt")))


def _narrow(schema: Any, label: str) -> str:
    """Gives one feature a domain that holds none of its values, and returns its name."""
    feature = next(one for one in schema.feature if one.name != label and one.type in (1, 2, 3))
    if feature.type == 1:
        feature.ClearField("domain")
        feature.string_domain.value.append("penstock test: no value is this")
    elif feature.type == 2:
        feature.int_domain.max = -(1 << 62)
    else:
        feature.float_domain.max = -1e300
    return str(feature.name)
