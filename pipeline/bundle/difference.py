"""What differs between the document at hand and a bundle, and which nodes will therefore run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from foundation.document.problems import show_path
from pipeline.bundle.compiling import code_digest, graph_of, package_of
from pipeline.bundle.reading import Bundle
from pipeline.bundle.sidecar import NodeEntry
from pipeline.document.loader import LoadedSpec
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph

_BECAUSE = {
    "settings": "its settings",
    "code": "Penstock's code",
    "user code": "your own code",
    "external": "the schema or query that it reads",
}
_SHOWN = 60


@dataclass(frozen=True)
class Setting:
    """A value that differs.

    Attributes:
        key: Its keys, joined by dots.
        bundle: What the bundle has; None also where it has nothing.
        document: What the document says.
    """

    key: str
    bundle: Any
    document: Any


@dataclass(frozen=True)
class Rerun:
    """A node that will not find its result of the bundle's runs.

    Attributes:
        node: Its id.
        because: What of its own differs, in words; empty where only its inputs do.
        after: Nodes before it that run again, without those that only look up artifacts.
    """

    node: str
    because: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What differs between a document and a bundle.

    Attributes:
        bundle: Name of the bundle's folder.
        penstock: Versions of Penstock, the bundle's and the one at hand; None where they are the same.
        code: Whether Penstock's own code behind the nodes differs.
        settings: Values of the document.
        files: Path of a file of own code or of the reviewed schema → changed, added or removed.
        added: Nodes that the bundle does not have.
        removed: Nodes that only the bundle has.
        reruns: Nodes that will run again although their data has not changed.
    """

    bundle: str
    penstock: tuple[str, str] | None
    code: bool
    settings: tuple[Setting, ...]
    files: Mapping[str, str]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reruns: tuple[Rerun, ...]

    @property
    def same(self) -> bool:
        """Whether compiling the document would give this bundle again."""
        return not (self.penstock or self.code or self.settings or self.files or self.added or self.removed)

    def as_json(self) -> dict[str, Any]:
        """Returns the difference as plain values."""
        return {"same": self.same, **asdict(self)}

    def sentences(self) -> Iterator[str]:
        """Yields what differs, a sentence each."""
        if self.same:
            yield f"Nothing differs from {self.bundle}."
            return
        if self.penstock:
            yield f"Penstock {self.penstock[1]} is installed, {self.penstock[0]} compiled the bundle."
        if self.code:
            yield "Penstock's own code differs."
        for one in self.settings:
            yield f"{one.key} is {_shown(one.document)}, in the bundle {_shown(one.bundle)}."
        for path, how in self.files.items():
            yield f"{path} was {how}."
        if self.added:
            yield f"New in the pipeline: {', '.join(self.added)}."
        if self.removed:
            yield f"No longer in the pipeline: {', '.join(self.removed)}."
        yield from self._consequences()

    def _consequences(self) -> Iterator[str]:
        for one in self.reruns:
            yield f"{one.node} will run again: {_listed([*one.because, *_new_results(one.after)])}."
        if not self.reruns:
            yield "No node will run again for this: results of earlier runs of the same data stand."


def difference(loaded: LoadedSpec, bundle: Bundle) -> Difference:
    """Compares a document with a bundle; nothing is compiled.

    Args:
        loaded: The document.
        bundle: The bundle.

    Raises:
        UserCodeError: Own code is missing, does not parse, or uses a secret.
    """
    spec, sidecar = loaded.spec, bundle.sidecar
    graph = graph_of(spec, loaded.folder)
    here, there = {n.id for n in graph}, {n.id for n in sidecar.nodes}
    installed = metadata.version("penstock")
    return Difference(
        bundle.folder.resolve().name,
        None if sidecar.penstock == installed else (sidecar.penstock, installed),
        sidecar.code != code_digest(graph) and here == there,
        tuple(_settings(bundle.document, spec)),
        dict(_files(sidecar.packaged, package_of(loaded)[0].files)),
        tuple(node.id for node in graph if node.id not in there),
        tuple(node.id for node in sidecar.nodes if node.id not in here),
        tuple(_reruns(graph, {node.id: node for node in sidecar.nodes})),
    )


def _settings(before: PipelineSpec, now: PipelineSpec) -> Iterator[Setting]:
    old, new = (dict(_leaves(spec.model_dump(mode="json", by_alias=True))) for spec in (before, now))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield Setting(show_path(key), old.get(key), new.get(key))


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields every value that is no mapping, with its keys."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _leaves(one, (*path, key))
    else:
        yield path, value


def _files(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted({*before, *now}):
        if before.get(path) != now.get(path):
            yield path, "added" if path not in before else "removed" if path not in now else "changed"


def _reruns(graph: Graph, known: Mapping[str, NodeEntry]) -> Iterator[Rerun]:
    again: set[str] = set()
    resolvers = {node.id for node in graph if node.resolver}
    for node in graph:
        if node.resolver:
            again |= {node.id} if again.intersection(node.inputs) else set()
            continue
        old, parts = known.get(node.id), graph.parts[node.id]
        because = [words for part, words in _BECAUSE.items() if old and old.made_of.get(part) != parts[part]]
        if old is None:
            because = ["it is new"]
        elif set(old.upstream) != {*node.inputs, *node.after}:
            because.append("its inputs")
        after = tuple(one for one in node.inputs if one in again)
        if because or after:
            again.add(node.id)
            yield Rerun(node.id, tuple(because), tuple(one for one in after if one not in resolvers))


def _new_results(nodes: tuple[str, ...]) -> list[str]:
    return [f"the new result{'s' if len(nodes) > 1 else ''} of {_listed(nodes)}"] if nodes else []


def _listed(words: Sequence[str]) -> str:
    """Returns words as a sentence has them: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
