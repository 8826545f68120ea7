"""The documents that are run: as ``penstock init`` writes them, or with a transformation more, so that every kind occurs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

MORE: Mapping[str, tuple[str, ...]] = {
    "int": ("scale_0_1", "{buckets: 10}", "{hash: 500}", "log_zscore"),
    "float": ("scale_0_1", "{buckets: 10}", "identity"),
    "bool": ("{cross: {with: [f0002], hash_buckets: 100}}", "identity"),
    "date": ("{date_parts: [month, hour]}", "{buckets: 12}"),
    "string": (
        "{text: {top_k: 200, oov_buckets: 2}}",
        "{vocabulary: {top_k: 40, oov_buckets: 3}}",
        "{cross: {with: [f0002]}}",
        "{hash: 100}",
    ),
    "list": ("count", "{bag: 30}"),
}
"""Type of a field → what its fields get besides, in turn."""
_FIELD = re.compile(r"^    \S+: \{to: (f\d+), type: (\w+)(, list: true)?\}", re.MULTILINE)
_FEATURE = re.compile(r"^  (f\d+): (\[.*\]|\{.*\}|\w+)(   #.*)?$", re.MULTILINE)


def with_every_kind(text: str) -> str:
    """Returns a document whose features have one transformation more each, every kind among them.

    Args:
        text: A document as ``penstock init`` writes it.
    """
    types = {name: "list" if is_list else kind for name, kind, is_list in _FIELD.findall(text)}
    given: dict[str, int] = {}

    def widened(found: re.Match[str]) -> str:
        name, now = found[1], found[2]
        kind = types[name]
        given[kind] = given.get(kind, -1) + 1
        more = MORE[kind][given[kind] % len(MORE[kind])]
        have = now[1:-1] if now.startswith("[") else now
        mine = re.match(r"\{?(\w+)", more)
        if (mine and re.search(rf"\b{mine[1]}\b", have)) or f"[{name}]" in more:
            return found[0]
        return f"  {name}: [{have}, {more}]"

    head, features = text.split("\nfeatures:\n", 1)
    return f"{head}\nfeatures:\n{_FEATURE.sub(widened, features)}"


def pipeline_of(template: Path, target: Path, every_kind: bool) -> None:
    """Writes the document of a project.

    Args:
        template: The document that ``penstock init`` wrote; its export is named by an absolute path.
        target: Where to write it.
        every_kind: Whether every kind of transformation should occur.
    """
    text = template.read_text(encoding="utf-8")
    target.write_text(with_every_kind(text) if every_kind else text, encoding="utf-8")
