"""Base of our own TFX components: parameters, inputs and outputs are declared as data, and TFX's spec is derived."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types.artifact import Artifact
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from foundation.config import Config


class _Stated:
    PARAMETERS: ClassVar[Mapping[str, type]] = {}
    """Name → str or int; slices of the document and other values are passed as JSON."""
    INPUTS: ClassVar[Mapping[str, type[Artifact]]] = {}
    """Key → type of the artifacts."""
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    """Keys of inputs that may be missing."""
    OUTPUTS: ClassVar[Mapping[str, type[Artifact]]] = {}
    """Key → type of the artifact."""

    SPEC_CLASS: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        stated = {
            "PARAMETERS": {name: ExecutionParameter(type=kind) for name, kind in cls.PARAMETERS.items()},
            "INPUTS": {
                k: ChannelParameter(type=t, optional=k in cls.OPTIONAL) for k, t in cls.INPUTS.items()
            },
            "OUTPUTS": {key: ChannelParameter(type=kind) for key, kind in cls.OUTPUTS.items()},
        }
        cls.SPEC_CLASS = type(f"{cls.__name__}Spec", (ComponentSpec,), stated)

    def __init__(self, **given: Any) -> None:
        outputs = {key: Channel(type=kind) for key, kind in self.OUTPUTS.items()}
        values = {k: _parameter(v) if k in self.PARAMETERS else v for k, v in given.items()}
        super().__init__(spec=self.SPEC_CLASS(**values, **outputs))  # type: ignore[call-arg]


class OwnComponent(_Stated, BaseComponent):
    """A component that works in its own process.

    A subclass declares ``PARAMETERS``, ``INPUTS``, ``OPTIONAL``, ``OUTPUTS`` and ``EXECUTOR_SPEC``; its constructor takes
    a value for each parameter and a channel for each input.
    """


class OwnBeamComponent(_Stated, BaseBeamComponent):
    """A component that works on Beam; otherwise like ``OwnComponent``."""


def _parameter(value: Any) -> str | int | RuntimeParameter:
    if isinstance(value, Config):
        return value.canonical_json()
    if isinstance(value, str | int | RuntimeParameter):
        return int(value) if isinstance(value, bool) else value
    return json.dumps(value, default=lambda part: part.model_dump(mode="json"), separators=(",", ":"))
