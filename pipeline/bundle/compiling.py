"""Compiles a document to a bundle: one folder that is deployed, the same byte for byte from the same commit."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from foundation.errors import StorageError, UserCodeError
from foundation.publish import published_folder
from foundation.storage import is_remote
from foundation.user_code import code_of, split_reference
from pipeline.bundle.entries import node_entries, parameter_entries, production_entry
from pipeline.bundle.extraction import unpack
from pipeline.bundle.packaging import CODE, Package, pack
from pipeline.bundle.reading import DOCUMENT, PIPELINE, Bundle, digest_of, folder_name, open_bundle
from pipeline.bundle.sidecar import Sidecar
from pipeline.bundle.template import make_template, open_inputs, template_text
from pipeline.code import installed_code
from pipeline.document.loader import LoadedSpec
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, make_graph
from pipeline.inputs import read_schema


@dataclass(frozen=True)
class Compiled:
    """What a compilation gave.

    Attributes:
        bundle: The bundle.
        new: Whether it was not there yet.
        notes: What the bundle does not hold although its nodes use it, one sentence each.
    """

    bundle: Bundle
    new: bool
    notes: tuple[str, ...]


def compile_bundle(loaded: LoadedSpec, to: Path) -> Compiled:
    """Compiles a document. Loads TFX and the libraries of all nodes.

    The pipeline is compiled from the packed files alone, in a folder of their own: what it needs is in the bundle.

    Args:
        loaded: The document.
        to: Folder of bundles; the bundle becomes a folder in it, named by pipeline and digest.

    Raises:
        UserCodeError: Own code is missing, does not parse, or uses a secret.
        DataError: There is a bundle of that digest, and it was altered.
        StorageError: The folder cannot be written.
    """
    package, notes = package_of(loaded)
    with tempfile.TemporaryDirectory(prefix="penstock-bundle-") as temporary:
        archive = Path(temporary) / CODE
        archive.write_bytes(package.archive)
        project = Path(temporary).resolve() / "project"
        project.mkdir()
        unpack(archive, project)
        texts = _texts(loaded.spec, project / package.folder)
        sidecar = _sidecar(loaded.spec, package, texts, project / package.folder)
    folder = to / folder_name(loaded.spec.name, sidecar.digest)
    if folder.exists():
        return Compiled(open_bundle(folder), False, notes)
    try:
        with published_folder(folder) as made:
            for name, content in texts.items():
                (made / name).write_bytes(content)
            (made / CODE).write_bytes(package.archive)
            sidecar.write(made)
    except StorageError:
        if not folder.exists():  # else somebody else compiled the same meanwhile
            raise
    return Compiled(open_bundle(folder), True, notes)


def package_of(loaded: LoadedSpec) -> tuple[Package, tuple[str, ...]]:
    """Returns own code and reviewed schema of a document, packed, and what to say about them.

    Raises:
        UserCodeError: Own code is missing, does not parse, or uses a secret.
        StorageError: A file cannot be read.
    """
    spec, folder = loaded.spec, loaded.folder
    schema = folder / spec.schema_path()
    graph = make_graph(spec, open_inputs(spec, folder, read_schema(schema)))
    _refuse_links(spec, folder)
    references = list(dict.fromkeys(one for node in graph for one in node.user_code))
    named = [Path(split_reference(one)[0]) for one in references]
    code = [code_of(one, folder) for one in references]
    package = pack(folder, [*named, *([schema] if schema.exists() else [])], code)
    return package, (*package.notes, *graph.notes, *_fixed_exports(spec))


def _fixed_exports(spec: PipelineSpec) -> Iterator[str]:
    """Yields what to say of exports that are the same place whatever home a node is given."""
    given = {"data.mongo_export": spec.data.mongo_export}
    given |= {"infer.mongo_export": spec.infer.mongo_export} if spec.infer else {}
    for key, pattern in given.items():
        if not is_remote(pattern) and os.path.isabs(pattern):
            yield (
                f"{key} is {pattern}, an absolute path: nodes read it there, whatever --home says; "
                "write it relative to the document if the export is below the home"
            )


def _refuse_links(spec: PipelineSpec, folder: Path) -> None:
    """Refuses links: what is behind one has another place in the archive than the document names."""
    references = filter(None, (spec.features.preprocessing_fn, spec.model.build_model))
    named = [*(split_reference(one)[0] for one in references), spec.schema_path()]
    for name in named:
        if (folder / name).resolve() != Path(os.path.normpath(folder / name)):
            raise UserCodeError(
                f"{name}, which the document names",
                expected="a file in the project",
                seen="a link",
                remedy="copy it to where the document names it",
            )


def graph_of(spec: PipelineSpec, code: Path) -> Graph:
    """Returns every node that a run of a document may have; its fingerprints lack what only a run adds.

    Args:
        spec: The document.
        code: Folder of own code and reviewed schema.
    """
    return make_graph(spec, open_inputs(spec, code, read_schema(code / spec.schema_path())))


def code_digest(graph: Graph) -> str:
    """Returns the digest of Penstock's own code behind the nodes of a graph."""
    roots = [n.declared.build.partition(":")[0] for n in graph]
    return installed_code().digest([*roots, *(module for n in graph for module in n.declared.code)])


def _texts(spec: PipelineSpec, code: Path) -> dict[str, bytes]:
    code.mkdir(parents=True, exist_ok=True)
    template = make_template(spec, open_inputs(spec, code, read_schema(code / spec.schema_path())))
    return {
        DOCUMENT: document_text(spec).encode(),
        PIPELINE: template_text(template).encode(),
    }


def document_text(spec: PipelineSpec) -> str:
    """Returns a document as JSON: what it says, in its order, and no default.

    Checks tell what is said from what is not, and a run with values of its own is checked again. Defaults are those of the
    Penstock that compiled it, and no other runs it.
    """
    content = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _sidecar(spec: PipelineSpec, package: Package, texts: dict[str, bytes], code: Path) -> Sidecar:
    graph = graph_of(spec, code)
    least = replace(
        open_inputs(spec, code, read_schema(code / spec.schema_path())), previous_statistics=False
    )
    files = {**texts, CODE: package.archive}
    sidecar = Sidecar(
        name=spec.name,
        penstock=metadata.version("penstock"),
        code=code_digest(graph),
        files={name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
        packaged=dict(sorted(package.files.items())),
        folder=package.folder,
        root=spec.root,
        export=spec.data.mongo_export,
        image=spec.production.image,
        production=production_entry(spec),
        parameters=parameter_entries(spec),
        nodes=node_entries(spec, graph, set(make_graph(spec, least).ids)),
    )
    return replace(sidecar, digest=digest_of(sidecar.text()))
