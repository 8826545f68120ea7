"""What the replicas say of themselves, in sentences: for the status and the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def replica_alarms(
    replicas: Sequence[Mapping[str, Any]], document: str, experiment: str, *, running: bool
) -> Iterator[str]:
    """Yields what a person should know of the processes that run an experiment.

    Args:
        replicas: The living ones, from ``authority.replicas``.
        document: The version of the document as the caller has it.
        experiment: The experiment's name.
        running: Whether it runs.
    """
    if running and not replicas:
        yield "no router or server runs with this state: nobody assigns units"
    others = sorted({str(one["document"]) for one in replicas} - {document})
    if others:
        count = sum(one["document"] != document for one in replicas)
        yield (
            f"{count} of {len(replicas)} processes have another document (version {', '.join(others)}, here {document}); "
            "the newest leads"
        )
    for one in replicas:
        who = f"process {one['replica']}" if len(replicas) > 1 else "the process"
        for text in _of_one(one, experiment):
            yield f"{who} {text}"


def _of_one(one: Mapping[str, Any], experiment: str) -> Iterator[str]:
    if error := one.get("document_error"):
        yield f"keeps its former document, because the present one is wrong: {str(error).splitlines()[0]}"
    if sections := one.get("restart_for"):
        yield f"must be restarted: {', '.join(sections)} changed in the document"
    for subject, trouble in one.get("troubles", {}).items():
        yield f"has trouble with {subject}: {trouble}"
    for part, trouble in one.get("failing", {}).items():
        yield f"has a part that fails, {part}: {trouble}"
    if count := one.get("without_unit", {}).get(experiment):
        yield f"has requests that were assigned by themselves, because their unit was missing: {count:,}"
    if count := one.get("beyond_limit", {}).get(experiment):
        yield f"has requests that went to control uncounted, because their units are beyond limits: units: {count:,}"
    if count := one.get("dropped"):
        yield f"has dropped {count:,} answers before anybody counted them"
    if count := one.get("not_assigned"):
        yield f"has let {count:,} requests go on unchanged, because they could not be assigned: see its log"
    if count := one.get("not_on_disk"):
        yield f"could not write {count:,} new units to disk before their answers"
