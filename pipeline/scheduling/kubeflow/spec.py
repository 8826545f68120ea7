"""A bundle as a pipeline document of schema 2.1.0: the same keys that Kubeflow's own compiler writes.

Source of the form: ``kfp-pipeline-spec``'s ``pipeline_spec.proto``, whose JSON it is; a test has Kubeflow's own packages
read and run it. Nothing of Kubeflow is needed to write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.scheduling.kubeflow.parameters import Input, inputs_of

if TYPE_CHECKING:
    from pipeline.bundle.sidecar import NodeEntry, Sidecar

SCHEMA = "2.1.0"
BUNDLES = "/bundles"
"""Folder of the image that holds the bundle."""
SECRET = "penstock"
"""Name of the Secret that passwords and credentials come from."""
SECRETS = (
    "PENSTOCK_METADATA_PASSWORD",
    "PENSTOCK_PRIVACY_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
)
"""Variables that are taken from the Secret where it has them."""
_START = Path(__file__).parent / "start.sh"
_LONGEST_DELAY = 3600
"""Seconds: Kubeflow's own bound on the time between two tries."""
_GIB = 2**30
_UNITS = {"Mi": 2**20, "Gi": _GIB}
_GPU = "nvidia.com/gpu"


def pipeline_spec(sidecar: Sidecar, folder: str, vertex: bool = False) -> dict[str, Any]:
    """Returns the pipeline document.

    Args:
        sidecar: What ``bundle.json`` holds.
        folder: Name of the bundle's folder.
        vertex: Whether Vertex AI runs it, which chooses machines by limits.
    """
    inputs = inputs_of(sidecar)
    names = {node.id: task_name(node.id) for node in sidecar.nodes}
    return {
        "pipelineInfo": {
            "name": task_name(sidecar.name),
            "description": f"{sidecar.name}, compiled by Penstock {sidecar.penstock}: {folder}",
        },
        "schemaVersion": SCHEMA,
        "sdkVersion": f"penstock-{sidecar.penstock}",
        "components": {f"comp-{names[n.id]}": _component(names[n.id], inputs) for n in sidecar.nodes},
        "deploymentSpec": {
            "executors": {
                f"exec-{names[n.id]}": {"container": _container(sidecar, n, folder, inputs, vertex)}
                for n in sidecar.nodes
            }
        },
        "root": {
            "inputDefinitions": {"parameters": {one.name: one.definition() for one in inputs}},
            "dag": {"tasks": {names[n.id]: _task(n, names, inputs) for n in sidecar.nodes}},
        },
    }


def platform_spec(sidecar: Sidecar) -> dict[str, Any]:
    """Returns what Kubernetes adds: variables from a Secret, none of which has to be there."""
    taken = [{"envVar": name, "secretKey": name} for name in _secrets(sidecar)]
    secret = {"secretName": SECRET, "optional": True, "keyToEnv": taken}
    executors = {f"exec-{task_name(node.id)}": {"secretAsEnv": [secret]} for node in sidecar.nodes}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _secrets(sidecar: Sidecar) -> Sequence[str]:
    webhook = sidecar.production.on_failure_env
    return [*SECRETS, *([webhook] if webhook and webhook not in SECRETS else [])]


def task_name(name: str) -> str:
    """Returns a name as Kubeflow's names are: lower case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _component(task: str, inputs: Sequence[Input]) -> dict[str, Any]:
    # As in the document: a task passes all of them on.
    types = {"run": "STRING", **{one.name: one.type for one in inputs}}
    parameters = {name: {"parameterType": kind} for name, kind in types.items()}
    return {"executorLabel": f"exec-{task}", "inputDefinitions": {"parameters": parameters}}


def _task(node: NodeEntry, names: Mapping[str, str], inputs: Sequence[Input]) -> dict[str, Any]:
    passed = {one.name: {"componentInputParameter": one.name} for one in inputs}
    # Only a constant input may name the run; in a command it would stay as it is.
    run = {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}
    task: dict[str, Any] = {
        "taskInfo": {"name": node.id},
        "componentRef": {"name": f"comp-{names[node.id]}"},
        # Penstock decides what is reused: Kubeflow would go by the command alone.
        "cachingOptions": {"enableCache": False},
        "inputs": {"parameters": {"run": run, **passed}},
    }
    if node.upstream:
        task["dependentTasks"] = [names[before] for before in node.upstream]
    if node.retries:
        task["retryPolicy"] = {
            "maxRetryCount": node.retries,
            "backoffDuration": f"{node.retry_delay:g}s",
            "backoffFactor": 2.0 if node.exponential else 1.0,
            "backoffMaxDuration": f"{max(_LONGEST_DELAY, node.retry_delay):g}s",
        }
    return task


def _container(
    sidecar: Sidecar, node: NodeEntry, folder: str, inputs: Sequence[Input], vertex: bool
) -> dict[str, Any]:
    named = {one.name for one in inputs}
    given = [_value(name) if name in named else "" for name in ("span", "interval_end")]
    limit = f"{node.timeout:g}" if node.timeout else ""
    changed = [word for one in inputs if one.sets for word in (one.sets, _value(one.name), one.text)]
    fixed = ["--ir", f"{BUNDLES}/{folder}/pipeline.json", "--node", node.id]
    places = ["--root", _value("root"), "--home", _value("home")]
    container: dict[str, Any] = {
        "image": sidecar.image,
        "command": ["sh", "-c", _START.read_text(encoding="utf-8"), "penstock"],
        "args": [_value("run"), *given, limit, *changed, "--", *fixed, *places],
    }
    resources = _resources(node, vertex)
    return {**container, "resources": resources} if resources else container


def _value(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _resources(node: NodeEntry, vertex: bool) -> dict[str, Any]:
    """Returns what a container gets: the keys of today, and the older ones beside them, as Kubeflow's compiler does."""
    found: dict[str, Any] = {}
    wanted = node.resources
    if wanted.cpu:
        kind = "Limit" if vertex else "Request"
        found |= {f"cpu{kind}": float(wanted.cpu), f"resourceCpu{kind}": f"{wanted.cpu:g}"}
    if wanted.memory:
        gigabytes = int(wanted.memory[:-2]) * _UNITS[wanted.memory[-2:]] / 1e9
        for kind in ("Limit",) if vertex else ("Request", "Limit"):
            found |= {f"memory{kind}": gigabytes, f"resourceMemory{kind}": wanted.memory}
    if wanted.gpu:
        number = str(wanted.gpu)
        found["accelerator"] = {"count": number, "type": _GPU, "resourceCount": number, "resourceType": _GPU}
    return found
