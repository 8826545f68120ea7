"""Binds a bundle to one run: its span's export, its root, its values; light unless a value makes it compile again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.node import Inputs
from foundation.errors import SpecError
from foundation.publish import write_text
from foundation.stores.mirror import in_store, mirror_of
from pipeline.bundle.extraction import extracted
from pipeline.bundle.penstock import refuse_other_code, refuse_other_version
from pipeline.bundle.reading import DOCUMENT, Bundle
from pipeline.bundle.template import Filling, Template, fill, make_template, open_inputs
from pipeline.document.checks import check
from pipeline.document.loader import load
from pipeline.document.models import PipelineSpec, has_spans
from pipeline.document.parameters import refuse_others
from pipeline.graph import Graph, make_graph
from pipeline.inputs import read_inputs
from pipeline.lineage.store import MlmdLineage
from pipeline.runners.job import Job
from pipeline.runs.book import RunBook

if TYPE_CHECKING:
    from tfx.proto.orchestration import pipeline_pb2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Binding:
    """What one run adds to a bundle.

    Attributes:
        home: Folder that relative paths of data start from: exports, root, ``push.to``.
        root: The pipeline root in place of the document's; None: the document's.
        span: The span of the exports; never the latest. None only where the exports have no spans, or the document says one.
        overrides: ``a.b=value`` options for values that the document lists in ``production.parameters``.
        run: Id of the run.
        inputs: What the first node of the run has found; None: look now.
        template: What the first node of the run has compiled for its values; None: compile now, if there are any.
    """

    home: Path
    root: str | None = None
    span: int | None = None
    overrides: Sequence[str] = ()
    run: str = ""
    inputs: Inputs | None = None
    template: Template | None = None


@dataclass(frozen=True)
class Bound:
    """A bundle bound to one run.

    Attributes:
        bundle: The bundle.
        job: The run.
        recompiled: Whether its values differ from those of the bundle, so that it is compiled again.
        given: The pipeline with placeholders that another node has compiled for these values.
    """

    bundle: Bundle
    job: Job
    recompiled: bool
    given: Template | None = None

    @cached_property
    def graph(self) -> Graph:
        """The run's nodes with their fingerprints; a node of the bundle that is not among them is skipped."""
        return make_graph(self.job.document, self.job.inputs)

    @cached_property
    def template(self) -> Template:
        """The compiled pipeline with placeholders: the bundle's, or one for the values of the run."""
        if not self.recompiled:
            return self.bundle.template
        if self.given is not None:
            return self.given
        log.info("compiling again for the values of this run")
        document, inputs = self.job.document, self.job.inputs
        return make_template(document, open_inputs(document, inputs.code_folder, inputs.schema))

    def json(self) -> Template:
        """Returns the compiled pipeline of the run as proto-JSON.

        Raises:
            StorageError: A path cannot be put into it.
        """
        compiled = self.job.document if self.recompiled else self.bundle.document
        return fill(self.template, compiled, Filling(self.job, self.graph))

    def ir(self) -> pipeline_pb2.Pipeline:
        """Returns the compiled pipeline of the run. Loads TFX's messages.

        Raises:
            StorageError: A path cannot be put into it.
        """
        from google.protobuf.json_format import ParseDict
        from tfx.proto.orchestration import (
            executable_spec_pb2,  # noqa: F401 - the deployment's messages are found by name
            pipeline_pb2,
        )

        return ParseDict(self.json(), pipeline_pb2.Pipeline())


def bind(bundle: Bundle, binding: Binding) -> Bound:
    """Binds a bundle to one run: resolves the export of exactly its span, and what the run's graph is.

    Args:
        bundle: The bundle.
        binding: What the run adds.

    Raises:
        DataError: There is no export of that span, no span is given, or another Penstock compiled the bundle.
        SpecError: An override is not one of ``production.parameters``, its value is invalid, or the document does not fit
            the root.
        StorageError: The code cannot be extracted.
    """
    refuse_other_version(bundle)
    code = extracted(bundle)
    home = binding.home.resolve()
    document = _with_span(_overridden(bundle, binding.overrides, code), binding.span)
    if binding.root:
        check(document.model_copy(update={"root": binding.root}))
    document = document.with_metadata_at(home)
    root = _root(binding.root or document.root, home)
    inputs = replace(binding.inputs, folder=home, code=code) if binding.inputs else None
    if inputs is None:
        schema = code / document.schema_path()

        def lineage() -> MlmdLineage:
            return MlmdLineage(document.metadata, root, document.name)

        inputs = read_inputs(document, home, schema, lineage, code)
    job = Job(document, inputs, root, binding.run, RunBook(root).path(binding.run))
    bound = Bound(bundle, job, bool(binding.overrides), binding.template)
    refuse_other_code(bundle, bound.graph)
    return bound


def _root(given: str, home: Path) -> Path:
    """Returns the folder of a pipeline root; for one in a store, its mirror."""
    return mirror_of(given) if in_store(given) else (home / given).resolve()


def _overridden(bundle: Bundle, overrides: Sequence[str], code: Path) -> PipelineSpec:
    """Returns the document with the values of a run, checked like any document."""
    if not overrides:
        return bundle.document
    refuse_others(overrides, bundle.document.production.parameters)
    file = (
        code / f".penstock-{bundle.sidecar.digest[:12]}-{DOCUMENT}"
    )  # beside the code that its checks look for
    write_text(file, (bundle.folder / DOCUMENT).read_text(encoding="utf-8"))
    return load([file], overrides).spec


def _with_span(document: PipelineSpec, span: int | None) -> PipelineSpec:
    """Returns the document that reads one span, whatever the newest is."""
    if not document.has_spans():
        if span is not None:
            raise SpecError(
                f"run of {document.name}",
                expected="no span, as its exports have none",
                seen=f"span {span}",
                remedy="leave --span out, or put {SPAN} into data.mongo_export",
            )
        return document
    if span is None:
        if document.data.span == "latest":
            raise SpecError(
                f"run of {document.name}",
                expected="the span of its exports",
                seen="none, and the newest is never taken",
                remedy="give --span, --logical-date or --interval-end",
            )
        return document
    named = {"span": span}
    data, infer = document.data, document.infer
    return document.model_copy(
        update={
            "data": data.model_copy(update=named) if has_spans(data.mongo_export) else data,
            "infer": infer.model_copy(update=named) if infer and has_spans(infer.mongo_export) else infer,
        }
    )
