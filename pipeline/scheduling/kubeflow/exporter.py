"""Writes the pipeline document of Kubeflow Pipelines, and copies the bundle that its containers run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from foundation.errors import SpecError
from foundation.publish import published_folder, write_text
from foundation.storage import is_remote
from pipeline.scheduling.base import Exporter, Options
from pipeline.scheduling.kubeflow.spec import BUNDLES, SECRET, pipeline_spec, platform_spec

if TYPE_CHECKING:
    from pipeline.bundle.reading import Bundle
    from pipeline.bundle.sidecar import Sidecar

_WIDTH = 120


class KubeflowExporter(Exporter):
    """Writes ``NAME.yaml`` and copies the bundle's folder beside it."""

    name = "kubeflow"
    operators = {
        "kubeflow": "Kubeflow Pipelines on Kubernetes",
        "vertex": "Vertex AI Pipelines",
    }

    def write(self, bundle: Bundle, to: Path, options: Options) -> list[Path]:
        """Writes the document; the bundle is there before it."""
        vertex = self.operator(options) == "vertex"
        _refuse(bundle.sidecar, vertex)
        folder = to / bundle.folder.name
        if folder.resolve() != bundle.folder.resolve():
            shutil.rmtree(folder, ignore_errors=True)  # it would be the same, if it is whole
            with published_folder(folder) as unfinished:
                shutil.copytree(bundle.folder, unfinished, dirs_exist_ok=True)
        file = to / f"{bundle.sidecar.name}.yaml"
        write_text(file, render(bundle.sidecar, folder.name, vertex))
        return [file, folder]

    def notes(self, bundle: Bundle, options: Options) -> list[str]:
        """Returns what the document needs around it."""
        return list(_needed(bundle.sidecar, bundle.folder.name, self.operator(options) == "vertex"))


def render(sidecar: Sidecar, folder: str, vertex: bool) -> str:
    """Returns the document's text.

    Args:
        sidecar: What ``bundle.json`` holds.
        folder: Name of the bundle's folder.
        vertex: Whether Vertex AI runs it; it takes one document and no Kubernetes.
    """
    documents = [pipeline_spec(sidecar, folder, vertex)]
    documents += [] if vertex else [platform_spec(sidecar)]
    head = "".join(f"# {line}\n" for line in _head(sidecar, folder, vertex))
    return head + "---\n".join(_text(one) for one in documents)


def _head(sidecar: Sidecar, folder: str, vertex: bool) -> Iterator[str]:
    where = "Vertex AI Pipelines" if vertex else "Kubeflow Pipelines"
    yield f"{sidecar.name} for {where}. Written by 'penstock export kubeflow': change the document instead."
    yield from (f"{note}." for note in _needed(sidecar, folder, vertex))


def _needed(sidecar: Sidecar, folder: str, vertex: bool) -> Iterator[str]:
    """Yields what the document needs around it."""
    yield f"the image {sidecar.image} must hold the bundle: COPY {folder} {BUNDLES}/{folder}"
    if not vertex:
        yield f"a Secret called {SECRET} may hold passwords and credentials, under their variables' names"
    if sidecar.export and not is_remote(sidecar.export):
        yield f"the export {sidecar.export} must be in the image, under the folder that the input 'home' names"
    unheard = _unheard(sidecar)
    if unheard:
        yield f"pipeline documents have no place for production's {', '.join(unheard)}: see docs/kubeflow.md"


def _unheard(sidecar: Sidecar) -> list[str]:
    """Returns the keys that the document gives and nothing here can take."""
    production = sidecar.production
    given: dict[str, Any] = {
        "schedule": production.schedule,
        "start": production.start,
        "catch_up": production.catch_up,
        "max_active_runs": production.max_active_runs != 1,
        "deadline": production.deadline,
        "on_failure": production.on_failure or production.on_failure_env,
        "retrain": production.retrain,
        "pool": any(node.pool for node in sidecar.nodes),
    }
    return [key for key, value in given.items() if value]


def _refuse(sidecar: Sidecar, vertex: bool) -> None:
    if not sidecar.image:
        raise SpecError(
            "production.image", expected="the image that each node's container starts", remedy="name it"
        )
    store = "gs://" if vertex else "s3:// or gs://"
    if not is_remote(sidecar.root) or (vertex and not sidecar.root.startswith("gs://")):
        raise SpecError(
            f"root {sidecar.root}",
            expected=f"a folder in a store that all containers reach: {store}",
            seen="another store" if is_remote(sidecar.root) else "a place that each container has for itself",
            remedy="name a bucket: nodes hand their artifacts on through it",
        )


def _text(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Says that nothing is a reference."""
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _lines)
