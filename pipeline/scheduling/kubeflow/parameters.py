"""The inputs of a pipeline document: what every run is given, and what a person may change, with its type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foundation.errors import SpecError

if TYPE_CHECKING:
    from pipeline.bundle.sidecar import Parameter, Sidecar

_TYPES = {
    "integer": "NUMBER_INTEGER",
    "number": "NUMBER_DOUBLE",
    "boolean": "BOOLEAN",
    "string": "STRING",
    "array": "LIST",
    "object": "STRUCT",
}
"""Types of JSON Schema → those of the document."""


@dataclass(frozen=True)
class Input:
    """One input of the pipeline.

    Attributes:
        name: Its name, as an identifier.
        type: A ``ParameterType`` of the document.
        default: Its value unless a run says otherwise.
        description: What it means.
        sets: The document's key that it changes; empty for what every node is given.
    """

    name: str
    type: str
    default: Any
    description: str
    sets: str = ""

    def definition(self) -> dict[str, Any]:
        """Returns its definition in the pipeline's ``inputDefinitions``."""
        return {
            "parameterType": self.type,
            "defaultValue": self.default,
            "isOptional": True,
            "description": self.description,
        }

    @property
    def text(self) -> str:
        """The default as Kubeflow writes it into a command."""
        return self.default if isinstance(self.default, str) else json.dumps(self.default)


def inputs_of(sidecar: Sidecar) -> list[Input]:
    """Returns all inputs of a pipeline.

    Raises:
        SpecError: Two of them would have the same name.
    """
    found = [*_given(sidecar), *(_changed(one) for one in sidecar.parameters)]
    names: dict[str, Input] = {}
    for one in found:
        other = names.setdefault(one.name, one)
        if other is not one:
            raise SpecError(
                f"production.parameters: {one.sets}",
                expected="parameters with names of their own, where dots have become underscores",
                seen=f"{one.name}, as {other.sets or 'an input of every run'} is called already",
                remedy="leave one of them out",
            )
    return found


def _given(sidecar: Sidecar) -> Iterator[Input]:
    if sidecar.production.spans:
        yield Input("span", "STRING", "", "Span of the export to learn from; empty: that of interval_end.")
        yield Input(
            "interval_end",
            "STRING",
            "",
            "End of the interval that the run is for, as an ISO time; a recurring run gives [[ScheduledTime.2006-01-02T15:04:05Z]].",
        )
    yield Input("root", "STRING", sidecar.root, "Where artifacts and records of runs are.")
    yield Input("home", "STRING", "/", "Folder that relative paths of the document start from.")


def _changed(parameter: Parameter) -> Input:
    kinds = [kind for kind in parameter.types if kind != "null"]
    single = len(kinds) == 1 and parameter.default is not None
    kind = _TYPES.get(kinds[0], "STRING") if single else "STRING"
    # Kubeflow has no null and no value of several types: where one is needed, the value is given as JSON.
    default = parameter.default if single else json.dumps(parameter.default)
    return Input(
        re.sub(r"\W", "_", parameter.name), kind, default, _described(parameter), sets=parameter.name
    )


def _described(parameter: Parameter) -> str:
    limits: Mapping[str, Any] = {
        "one of": ", ".join(map(str, parameter.choices)) or None,
        "at least": parameter.minimum,
        "at most": parameter.maximum,
    }
    said = [f"{words} {value}" for words, value in limits.items() if value is not None]
    return " ".join(filter(None, [parameter.description, f"({', '.join(said)})" if said else ""]))
