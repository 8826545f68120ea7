"""What a run does, decided by whichever of its nodes starts first and published once; the others read it.

No task before the first node and none after the last is needed. Export, span, values and what is reused stand for the
whole run, whatever changes meanwhile.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.exports.source import as_span
from components.node import Inputs
from foundation.errors import SpecError
from pipeline.bundle.binding import Binding, Bound, bind
from pipeline.bundle.penstock import refuse_other_version
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.bundle.template import Template
from pipeline.document.models import PipelineSpec
from pipeline.lineage.store import MlmdLineage
from pipeline.plan import Plan, make_plan
from pipeline.roots.base import Root
from pipeline.runners.job import Job, inputs_as_json, inputs_from_json
from pipeline.runs.book import NodeRecord, RunRecord
from pipeline.runs.environment import installed_packages
from pipeline.task.request import Request

log = logging.getLogger(__name__)

FILE = "planned.json"


@dataclass(frozen=True)
class Planned:
    """The decisions of a run, for all machines that its nodes run on: no folder of one of them is in it.

    Attributes:
        bundle: Digest of the bundle.
        span: The span of the export, None where it has none.
        overrides: ``a.b=value``, over the document.
        inputs: What the first node has found: exports, schema, earlier statistics; in no folder.
        record: The run's record before anything ran: what is planned for each node, and why.
        needed: The nodes that run or are reused, and the look-ups that they read; in order.
        after: Node → the needed nodes that must be done first.
        template: The compiled pipeline with placeholders where values of the run made it differ from the bundle's.
    """

    bundle: str
    span: int | None
    overrides: tuple[str, ...]
    inputs: Inputs
    record: RunRecord
    needed: tuple[str, ...]
    after: Mapping[str, tuple[str, ...]]
    template: Template | None = None

    def to_bytes(self) -> bytes:
        """Returns the content of the file."""
        values = {**vars(self), "inputs": inputs_as_json(self.inputs), "record": self.record.as_json()}
        return json.dumps(values).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Planned:
        """Returns what ``to_bytes`` wrote."""
        value: dict[str, Any] = json.loads(data)
        return cls(
            value["bundle"],
            value["span"],
            tuple(value["overrides"]),
            inputs_from_json(value["inputs"]),
            RunRecord.from_json(value["record"]),
            tuple(value["needed"]),
            {node: tuple(before) for node, before in value["after"].items()},
            value["template"],
        )


def obtain(root: Root, bundle: Bundle, request: Request) -> tuple[Planned, Bound]:
    """Returns what the run does and the bundle bound to it; decides it where no node has before.

    A run goes on with the bundle that it began with, where that lies beside the one that is given: a scheduler that reads
    its files for each task gives a run at work the bundle that was deployed meanwhile.

    Raises:
        PenstockError: There is no export of the span, the store does not answer, another Penstock compiled the bundle, or what
            is asked does not fit the run.
    """
    refuse_other_version(bundle)  # before what another one may have written otherwise is read
    file = f"{request.run_folder}/{FILE}"
    data = root.read(file)
    if data is None:
        bound = bind(bundle, _binding(request, root, request.span, request.overrides))
        planned = _decide(bundle, bound, request)
        if root.create(file, planned.to_bytes()):
            return planned, bound
        data = root.read(file)
    bundle = _begun_with(json.loads(data or b"{}")["bundle"], bundle, request)
    planned = Planned.from_bytes(data or b"{}")
    _refuse_another(planned, bundle.document, request)
    again = _binding(request, root, planned.span, planned.overrides)
    return planned, bind(bundle, replace(again, inputs=planned.inputs, template=planned.template))


def _binding(request: Request, root: Root, span: int | None, overrides: tuple[str, ...]) -> Binding:
    return Binding(request.home, root.uri, span, overrides, request.run_name)


def _span(document: PipelineSpec, request: Request, known: int | None) -> int | None:
    """Returns the span that is asked for, a day as its number: of the export, or of the one to predict for."""
    dated = document.has_days() and "{SPAN}" not in document.data.mongo_export
    return known if request.span is None else as_span(request.span, dated)


def _decide(bundle: Bundle, bound: Bound, request: Request) -> Planned:
    job, graph = bound.job, bound.graph
    plan = make_plan(graph, MlmdLineage(job.document.metadata, job.root, job.document.name))
    needed = tuple(one.node.id for one in plan.needed)
    before = {
        one.node.id: tuple(n for n in dict.fromkeys((*one.node.inputs, *one.node.after)) if n in needed)
        for one in plan.needed
    }
    return Planned(
        bundle.sidecar.digest,
        _span(job.document, request, job.inputs.data.span),
        tuple(request.overrides),
        replace(job.inputs, folder=Path(), code=None),
        _record(bundle, job, plan),
        needed,
        before,
        bound.template if bound.recompiled else None,
    )


def _record(bundle: Bundle, job: Job, plan: Plan) -> RunRecord:
    nodes = [
        NodeRecord(n.node.id, n.action, n.reason, execution=n.execution, inputs=list(n.node.inputs))
        for n in plan.nodes
    ]
    return RunRecord(
        id=job.run,
        pipeline=job.document.name,
        state="running",
        started=time.time(),
        document=job.document.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        span=job.inputs.data.span,
        code=f"sha256:{bundle.sidecar.digest}",
        packages=installed_packages(),
        nodes=nodes,
        notes=plan.notes,
        tasks=True,
    )


def _begun_with(digest: str, bundle: Bundle, request: Request) -> Bundle:
    """Returns the bundle that the run began with: the given one, or one beside it.

    Raises:
        SpecError: It is not there.
        DataError: Another Penstock compiled it.
    """
    if bundle.sidecar.digest == digest:
        return bundle
    folder = bundle.beside(digest)
    found = open_bundle(folder) if folder.exists() else None
    if found is None or found.sidecar.digest != digest:
        raise SpecError(
            f"run {request.run}",
            expected=f"the bundle that it began with, {folder.name}, beside {bundle.folder.name}",
            seen="another" if found else "no such folder",
            remedy="put it back there, or start another run, with an id of its own, for the new bundle",
        )
    refuse_other_version(found)
    log.info(
        "run %s began with the bundle %s and goes on with it, not with %s",
        request.run,
        folder.name,
        bundle.folder.name,
    )
    return found


def _refuse_another(planned: Planned, document: PipelineSpec, request: Request) -> None:
    """Refuses to go on with a run that began as another one.

    Raises:
        SpecError: Span or values differ from those of the run's first node.
    """
    asked = {
        "span": (_span(document, request, planned.span), planned.span),
        "values": (list(request.overrides), list(planned.overrides)),
    }
    for what, (given, begun) in asked.items():
        if given != begun:
            raise SpecError(
                f"run {request.run}",
                expected=f"the {what} that it began with, {begun}",
                seen=str(given),
                remedy="give what is changed a run id of its own",
            )
