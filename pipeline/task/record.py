"""The record of a run whose nodes run in processes of their own, put together from what each has left."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping

from pipeline.roots.base import Root
from pipeline.runs.book import NodeRecord, RunRecord
from pipeline.task.ledger import Standing, standing
from pipeline.task.planned import Planned
from pipeline.task.request import Request

REPORT = "report.html"


def standings(root: Root, run_folder: str) -> dict[str, Standing]:
    """Returns what has become of each node of a run that any process has begun with."""
    folder = f"{run_folder}/nodes"
    files: dict[str, list[str]] = {}
    for path in root.list(folder):
        files.setdefault(path.removeprefix(f"{folder}/").partition("/")[0], []).append(path)
    return {node: standing(root, paths) for node, paths in files.items()}


def write_record(root: Root, request: Request, planned: Planned) -> RunRecord:
    """Brings the record of a run up to date.

    Of two nodes that end at once, the one that writes last must have seen both: it looks again after it has written.

    Returns:
        The record as written.
    """
    seen: Mapping[str, Standing] | None = None
    while seen != (now := standings(root, request.run_folder)):
        record, seen = _record(planned, now), now
        if root.exists(f"{request.run_folder}/{REPORT}"):
            record.report = f"{root.uri}/{request.run_folder}/{REPORT}"
        root.publish(f"{request.run_folder}/{RunRecord.FILE}", record.text().encode())
    return record


def is_finished(root: Root, request: Request) -> bool:
    """Returns whether a run is complete and its record names a report."""
    data = root.read(f"{request.run_folder}/{RunRecord.FILE}")
    record = json.loads(data) if data else {}
    return record.get("state") == "complete" and bool(record.get("report"))


def _record(planned: Planned, now: Mapping[str, Standing]) -> RunRecord:
    record = copy.deepcopy(planned.record)
    ends = [now[node].ended for node in planned.needed if node in now]
    for node in record.nodes:
        if node.node in now:
            _fill(node, now[node.node])
    failed = next((end for end in ends if end and not end.well), None)
    if failed:
        record.state, record.error = "failed", failed.error
    elif len(ends) == len(planned.needed) and all(ends):
        record.state = "complete"
    if record.state != "running":
        record.ended = max(end.started + end.seconds for end in ends if end)
    return record


def _fill(node: NodeRecord, found: Standing) -> None:
    end = found.ended
    if end is None:
        node.state = "running"
        return
    node.state, node.seconds, node.cpu = end.state, end.seconds, end.cpu
    node.execution, node.withheld = end.execution, end.withheld
