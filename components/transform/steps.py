"""The declared transformations as a list of steps, and the columns that they give; loads no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from components.transform.config import FeaturesConfig, output_name
from components.transform.transformations import TRANSFORMATIONS, CountedKind, Kind


@dataclass(frozen=True)
class Step:
    """A declared transformation of one feature.

    Attributes:
        feature: The feature.
        name: Name of the transformation.
        kind: Its entry in ``TRANSFORMATIONS``.
        settings: Its settings in the document.
    """

    feature: str
    name: str
    kind: Kind
    settings: Any

    @property
    def output(self) -> str:
        """Name of the output, if there is only one."""
        return output_name(self.feature, self.name)

    @property
    def outputs(self) -> dict[str, str]:
        """Name of each output → the part that it is."""
        return {output_name(self.feature, part): part for part in self.kind.parts(self.name, self.settings)}


def steps_of(features: FeaturesConfig) -> list[Step]:
    """Returns the declared transformations in the document's order."""
    return [
        Step(feature, one.kind, TRANSFORMATIONS[one.kind], one.settings)
        for feature, several in features.declared.items()
        for one in several
    ]


def used_fields(steps: Iterable[Step]) -> list[str]:
    """Returns the fields that the transformations read, sorted."""
    return sorted({name for step in steps for name in (step.feature, *step.kind.others(step.settings))})


def counted_steps(steps: Iterable[Step]) -> list[Step]:
    """Returns the steps with a vocabulary, in the order of their columns in the vocabulary file."""
    return sorted(
        (step for step in steps if isinstance(step.kind, CountedKind)), key=lambda step: step.output
    )
