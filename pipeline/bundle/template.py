"""The compiled pipeline with placeholders: what one run's paths, export and fingerprints are put into.

It is plain JSON, so filling it in takes neither TFX nor a second compilation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.bigquery_example_gen.source import resolve_query
from components.exports.source import InputFile, ResolvedInput
from components.node import Inputs
from foundation.errors import StorageError
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph
from pipeline.runners.job import Job

HOME = "/@penstock-home@"
"""Stands for the folder that relative paths of data start from."""
CODE = "/@penstock-code@"
"""Stands for the folder of own code and reviewed schema."""
ROOT = "/@penstock-root@"
"""Stands for the pipeline root."""
RUN = "@penstock-run@"
"""Stands for the id of the run."""

Template = dict[str, Any]
"""TFX's intermediate representation as proto-JSON with the names of its fields."""

_FINGERPRINT, _PARTS = "penstock_fingerprint", "penstock_parts"
_UNQUOTED = re.compile(r"[^\"\\\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Filling:
    """What one run puts into a template.

    Attributes:
        job: The run: its document, inputs and root.
        graph: Its nodes with their fingerprints.
    """

    job: Job
    graph: Graph


def open_inputs(document: PipelineSpec, code: Path, schema: str | None) -> Inputs:
    """Returns inputs that stand for those of any run: every node is in their graph that a run may have.

    Args:
        document: The document.
        code: Folder of own code and reviewed schema.
        schema: Text of the reviewed schema.
    """
    data, infer = _exports(document)
    return Inputs(Path(HOME), data, infer, schema, bool(document.validation.drift), code=code)


def _exports(document: PipelineSpec) -> tuple[ResolvedInput, ResolvedInput | None]:
    bigquery = document.data.bigquery
    data = resolve_query(bigquery) if bigquery else _any_export("data")
    return data, _any_export("infer") if document.infer else None


def _any_export(name: str) -> ResolvedInput:
    mark = f"@penstock-{name}@"
    return ResolvedInput(None, None, (InputFile(mark, 0, 0),), mark)


def make_template(document: PipelineSpec, inputs: Inputs) -> Template:
    """Compiles a document once for all its runs. Loads TFX and the libraries of all nodes.

    Args:
        document: The document.
        inputs: What ``open_inputs`` returned.
    """
    from google.protobuf.json_format import MessageToDict

    from pipeline.runners.compile import compile_job

    job = Job(document, inputs, Path(ROOT), RUN, Path(ROOT) / "runs")
    template: Template = MessageToDict(compile_job(job), preserving_proto_field_name=True)
    for node in template["nodes"]:
        for key in (_FINGERPRINT, _PARTS):
            _parameters(node)[key]["field_value"]["string_value"] = ""
    code = str(inputs.code)
    # Settings are JSON within the pipeline, where a letter that is not ASCII has another spelling.
    filled: Template = _replaced(template, {}, {code: CODE, json.dumps(code)[1:-1]: CODE})
    return filled


def template_text(template: Template) -> str:
    """Returns a template as text, the same for the same pipeline."""
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def fill(template: Template, compiled: PipelineSpec, filling: Filling) -> Template:
    """Returns the compiled pipeline of one run.

    Args:
        template: What ``make_template`` returned.
        compiled: The document that it was compiled from.
        filling: The run.

    Raises:
        StorageError: A path has a character that would have to be escaped in JSON.
    """
    job, inputs = filling.job, filling.job.inputs
    code = str(inputs.code_folder)
    places = {HOME: str(inputs.folder), CODE: code, ROOT: str(job.root), RUN: job.run}
    for name, place in places.items():
        if not _UNQUOTED.fullmatch(place):
            raise StorageError(
                f"{name.strip('/@').replace('-', ' ')} {place!r}",
                expected="no quotation mark, backslash or control character in its name",
                seen="one",
                remedy="use another folder or id",
            )
    data, infer = _exports(compiled)
    whole = {compiled.data.canonical_json(): job.document.data.canonical_json()}
    whole[data.to_json()] = inputs.data.to_json()
    if compiled.infer and job.document.infer and infer and inputs.infer:
        whole[compiled.infer.canonical_json()] = job.document.infer.canonical_json()
        whole[infer.to_json()] = inputs.infer.to_json()
    filled: Template = _replaced(_without(template, set(filling.graph.ids)), whole, places)
    for node in filled["nodes"]:
        parameters, node_id = _parameters(node), _id(node)
        made_of = json.dumps(filling.graph.parts[node_id], sort_keys=True)
        parameters[_FINGERPRINT]["field_value"]["string_value"] = filling.graph.fingerprints[node_id]
        parameters[_PARTS]["field_value"]["string_value"] = made_of
    return filled


def _replaced(value: Any, whole: Mapping[str, str], parts: Mapping[str, str]) -> Any:
    """Returns a copy with whole texts replaced, and parts of all others."""
    if isinstance(value, dict):
        return {key: _replaced(one, whole, parts) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, whole, parts) for one in value]
    if not isinstance(value, str):
        return value
    if value in whole:
        return whole[value]
    for mark, text in parts.items():
        value = value.replace(mark, text)
    return value


def _without(template: Template, kept: set[str]) -> Template:
    """Returns a template with only some of its nodes: the others, and what they would have handed on, are left out."""
    nodes = [_detached(node["pipeline_node"], kept) for node in template["nodes"] if _id(node) in kept]
    deployment = {
        key: {node: one for node, one in value.items() if node in kept} if isinstance(value, dict) else value
        for key, value in template["deployment_config"].items()
    }
    return {
        **template,
        "nodes": [{"pipeline_node": node} for node in nodes],
        "deployment_config": {key: value for key, value in deployment.items() if value != {}},
    }


def _detached(node: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    """Returns a node without inputs from, and edges to, the nodes that are left out."""
    found = dict(node)
    for key in ("upstream_nodes", "downstream_nodes"):
        if key in node:
            found[key] = [other for other in node[key] if other in kept]
            if not found[key]:
                del found[key]
    if "inputs" in node:
        inputs = {key: one for key, one in node["inputs"]["inputs"].items() if _comes(one, kept)}
        found["inputs"] = {**node["inputs"], "inputs": inputs}
    return found


def _comes(spec: dict[str, Any], kept: set[str]) -> bool:
    """Returns whether an input is still given by someone."""
    producers = [channel.get("producer_node_query", {}).get("id") for channel in spec.get("channels", ())]
    return not producers or any(producer is None or producer in kept for producer in producers)


def _id(node: dict[str, Any]) -> str:
    found: str = node["pipeline_node"]["node_info"]["id"]
    return found


def _parameters(node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = node["pipeline_node"]["parameters"]["parameters"]
    return found
