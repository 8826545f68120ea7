"""The reference of a document: tables of its keys, generated from the models into its page.

``python -m pipeline.document.reference docs/document.md`` regenerates those of the pipeline's document,
``python -m pipeline.document.reference docs/experiments.md serving.experiments.document.models:ExperimentsDocument``
those of another one. A test fails when they are stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from foundation.config import Config
from foundation.document.known_keys import plain_types
from foundation.numbers import bound
from foundation.publish import write_text
from foundation.quantities import duration_words
from pipeline.document.models import PipelineSpec

_COMMAND = "<!-- the tables below are written by: python -m pipeline.document.reference "
BEGIN = f"{_COMMAND}docs/document.md -->"
END = "<!-- end of the tables -->"

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Literal[True]: "true",
    Literal[False]: "false",
}
_WRITTEN = {
    "share_of": "share, such as `10%` or `0.1`",
    "seconds_of": "duration, such as `10s`, `5m` or `7d`",
    "weight_text": "weight, such as `90%`, `9/10` or `9`",
}
"""Name of the function that reads what a person writes → what that is."""
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def render(document: type[Config] = PipelineSpec) -> str:
    """Returns the tables of all keys as Markdown, top-level keys first, then section by section.

    Args:
        document: The model of the whole document.
    """
    titles: dict[type[Config], list[str]] = {}
    for path, model in _sections((), document):
        titles.setdefault(model, []).append(f"`{'.'.join(path)}`")
    tables = [_table(", ".join(places), model) for model, places in titles.items()]
    return "\n\n".join([_table("The document", document), *tables])


def put_into(text: str, document: type[Config] = PipelineSpec) -> str:
    """Returns a page with its tables regenerated between the two markers.

    Args:
        text: The page, with both markers.
        document: The model of the whole document.
    """
    before, begin, rest = text.partition(_COMMAND)
    command, _, rest = rest.partition("-->")
    _, _, after = rest.partition(END)
    return f"{before}{begin}{command}-->\n\n{render(document)}\n\n{END}{after}"


def _sections(
    path: tuple[str, ...], model: type[BaseModel]
) -> Iterator[tuple[tuple[str, ...], type[Config]]]:
    for name, field in model.model_fields.items():
        for below, kind in _models_in((*path, field.alias or name), field.annotation):
            if kind.__name__ == "FeaturesConfig":
                # The long form is only the internal form of the short one; nobody writes it.
                yield from _models_of_features(below, kind)
            else:
                yield below, kind
                yield from _sections(below, kind)


def _models_of_features(
    path: tuple[str, ...], model: type[Config]
) -> Iterator[tuple[tuple[str, ...], type[Config]]]:
    for below, kind in _models_in(path, model.model_fields["declared"].annotation):
        yield below, kind
        yield from _sections(below, kind)


def _models_in(path: tuple[str, ...], annotation: Any) -> Iterator[tuple[tuple[str, ...], type[Config]]]:
    for arm in plain_types(annotation):
        if isinstance(arm, type) and issubclass(arm, Config):
            yield path, arm
        elif get_origin(arm) is dict:
            yield from _models_in((*path, "*"), get_args(arm)[1])
        elif get_origin(arm) is list:
            yield from _models_in(path, get_args(arm)[0])


def _table(title: str, model: type[Config]) -> str:
    summary = " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
    lines = [f"### {title}", "", summary, "", "| key | value | default | meaning |", "|---|---|---|---|"]
    descriptions = model.descriptions()
    for name, field in model.model_fields.items():
        cells = (f"`{field.alias or name}`", _value(field), _default(field), descriptions.get(name, ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("``", "`") for cell in cells) + " |")
    return "\n".join(lines)


def _value(field: FieldInfo) -> str:
    if written := _written(field):
        return written
    arms = list(plain_types(field.annotation))
    arms = [arm for arm in arms if not (arm is int and float in arms)]
    words = " or ".join(dict.fromkeys(_words(arm) for arm in arms))
    bounds = [
        f"{sign} {getattr(item, key):g}"
        for item in field.metadata
        for key, sign in _BOUNDS.items()
        if hasattr(item, key)
    ]
    return " ".join([words, ", ".join(bounds)]).strip()


def _written(field: FieldInfo) -> str:
    """Returns what a person writes, where a function reads it: a share, a duration."""
    return _WRITTEN.get(_reader(field), "")


def _reader(field: FieldInfo) -> str:
    arms = (arm for arm in get_args(field.annotation) if get_origin(arm) is Annotated)
    metadata = [*field.metadata, *(item for arm in arms for item in get_args(arm)[1:])]
    names = (getattr(getattr(item, "func", None), "__name__", "") for item in metadata)
    return next((name for name in names if name in _WRITTEN), "")


def _words(arm: Any) -> str:
    if arm in _WORDS:
        return _WORDS[arm]
    origin = get_origin(arm)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(arm))
    if origin is tuple:
        return "list of text"
    if origin is list:
        items = " or ".join(dict.fromkeys(_words(item) for item in plain_types(get_args(arm)[0])))
        return f"list of {items}" if len(items) < 40 else "list"
    if origin is dict:
        return "name → " + " or ".join(dict.fromkeys(_words(item) for item in plain_types(get_args(arm)[1])))
    return "section"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", {}, [], ()):
        return ""
    if reader := _reader(field):
        return f"`{bound(value) if reader == 'share_of' else duration_words(value)}`"
    if isinstance(value, BaseModel):
        return "its own defaults"
    if isinstance(value, dict):
        return ", ".join(f"`{key}`" for key in value)
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def main() -> None:
    """Writes the tables into the page given on the command line."""
    path, document = Path(sys.argv[1]), PipelineSpec
    if len(sys.argv) > 2:
        module, _, name = sys.argv[2].partition(":")
        document = getattr(import_module(module), name)
    write_text(path, put_into(path.read_text(encoding="utf-8"), document))


if __name__ == "__main__":
    main()
