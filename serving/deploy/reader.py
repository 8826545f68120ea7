"""Reading the document from YAML: all that is wrong at once, each with its line and the near miss."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from foundation.errors import SpecError, near_miss
from foundation.publish import storage_error
from serving.deploy.checks import contradictions
from serving.deploy.document import PATTERNS, DeployDocument

KeyPath = tuple[str | int, ...]


def read_document(path: Path) -> DeployDocument:
    """Reads and checks a document.

    Raises:
        SpecError: It is not there, is not YAML, or is wrong; one line for each problem.
        StorageError: The system does not let it be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SpecError(f"{path}", expected="a document of penstock deploy", seen="no such file") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}", expected="text in UTF-8", seen=str(error)) from error
    except OSError as error:
        raise storage_error(path, error) from error
    return parse_document(text, str(path))


def parse_document(text: str, source: str) -> DeployDocument:
    """Reads and checks a document's text.

    Args:
        text: The YAML.
        source: What messages name.

    Raises:
        SpecError: It is not YAML, or is wrong; one line for each problem.
    """
    tree = _Tree(source)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise SpecError(f"{at}: this is not YAML: {getattr(error, 'problem', error)}") from error
    value = None if node is None else tree.value(node, ())
    if not isinstance(value, dict):
        raise SpecError(source, expected="keys and values, such as name and models", seen="none")
    if tree.problems:
        raise _errors(tree.problems)
    try:
        document = DeployDocument.model_validate(value)
    except ValidationError as error:
        raise _errors(_problems(error, tree)) from error
    wrong = [(tree.line(path), f"{tree.at(path)}: {what}") for path, what in contradictions(document)]
    if wrong:
        raise _errors(wrong)
    return document


@dataclass
class _Tree:
    """Plain values out of composed YAML, and the place of each."""

    source: str
    places: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if len(path) > 20:
            raise SpecError(self.at(path), expected="values that are not nested so deep")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, below in node.value:
            name = str(key.value)
            inside = (*path, name)
            if name in found:
                line = key.start_mark.line + 1
                self.problems.append(
                    (line, f"{self.source}:{line}: {_dotted(inside)}: this key stands twice")
                )
                continue
            self.places[inside] = (key.start_mark.line + 1, key.start_mark.column + 1)
            found[name] = self.value(below, inside)
        return found

    def at(self, path: KeyPath) -> str:
        """Returns file, line, column and key of a value, or of what holds it."""
        shown = path
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places[path]
        return ": ".join([f"{self.source}:{line}:{column}", *([_dotted(shown)] if shown else [])])

    def line(self, path: KeyPath) -> int:
        """Returns the line of a value, or of what holds it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path][0]


def _scalar(node: yaml.Node) -> Any:
    """Reads ``yes``, ``on`` and dates as text: only true and false are booleans."""
    kind = node.tag.rpartition(":")[2]
    if kind == "bool":
        return {"true": True, "false": False}.get(node.value.lower(), node.value)
    if kind in ("int", "float", "null"):
        return yaml.safe_load(node.value) if node.value else None
    return node.value


def _dotted(path: KeyPath) -> str:
    return ".".join(part if isinstance(part, str) and part.isprintable() else repr(part) for part in path)


def _errors(problems: list[tuple[int, str]]) -> SpecError:
    return SpecError("\n".join(text for _, text in sorted(problems)))


_KINDS = {
    "model_type": "expected keys and values",
    "model_attributes_type": "expected keys and values",
    "dict_type": "expected keys and values",
    "tuple_type": "expected a list",
}


def _problems(error: ValidationError, tree: _Tree) -> list[tuple[int, str]]:
    by_path: dict[KeyPath, list[Any]] = {}
    for detail in error.errors():
        by_path.setdefault(_path(detail, tree), []).append(detail)
    return [
        (tree.line(path), f"{tree.at(path)}: {_said(path, details)}") for path, details in by_path.items()
    ]


def _said(path: KeyPath, details: list[Any]) -> str:
    kind = details[0]["type"]
    if kind == "extra_forbidden":
        known = _keys_at(path[:-1])
        miss = near_miss(str(path[-1]), known)
        return "; ".join(["there is no such key", *([miss] if miss else ["known: " + ", ".join(known)])])
    if kind == "missing":
        return "this key is required"
    if kind == "value_error":
        return str(details[0]["ctx"]["error"])
    return f"{' or '.join(_plain(detail) for detail in details)}; seen: {_shown(details[0].get('input'))}"


def _path(detail: Any, tree: _Tree) -> KeyPath:
    """Returns the part of pydantic's location that stands in the document: no arms of unions, no short forms."""
    path: KeyPath = ()
    for part in detail["loc"]:
        if (*path, part) in tree.places:
            path = (*path, part)
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else path


def _plain(detail: Any) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return f"expected {PATTERNS.get(detail['ctx']['pattern'], detail['ctx']['pattern'])}"
    if detail["type"] in _KINDS:
        return _KINDS[detail["type"]]
    message = detail["msg"].replace("Input should be ", "expected ").replace("String should ", "it should ")
    return str(message[:1].lower() + message[1:])


def _shown(value: Any) -> str:
    text = "a mapping" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_at(path: KeyPath) -> list[str]:
    """Returns the keys that the model at a path has."""
    model: Any = DeployDocument
    for part in path:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation)
    return sorted(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    """Returns the model that an annotation holds: itself, one arm of a union, or the values of a dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arms = getattr(annotation, "__args__", ())
    return next((arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel)), None)
