"""What ``penstock experiment check`` says: experiments, arms, shares, and what to think about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foundation.numbers import bound
from serving.experiments.document.models import ArmConfig, ExperimentConfig, ExperimentsDocument
from serving.experiments.document.reader import read_document


@dataclass(frozen=True)
class ArmReview:
    """One arm: where its requests go, and its share of the layer's units."""

    name: str
    target: str
    share: float


@dataclass(frozen=True)
class ExperimentReview:
    """One experiment.

    Attributes:
        name: Its name.
        model: The public model.
        layer: Its layer.
        share: Its share of the layer.
        unit: What its units are, in words.
        control: Its control arm.
        arms: Its arms.
        warnings: What to think about.
    """

    name: str
    model: str
    layer: str
    share: float
    unit: str
    control: str
    arms: tuple[ArmReview, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Review:
    """What there is to say of a document.

    Attributes:
        document: Its path.
        version: Its version.
        experiments: Its experiments.
    """

    document: str
    version: str
    experiments: tuple[ExperimentReview, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yields the lines of one screen."""
        count = len(self.experiments)
        yield f"{self.document}: version {self.version}, {count} experiment{'' if count == 1 else 's'}"
        for experiment in self.experiments:
            yield ""
            yield (
                f"{experiment.name}: {bound(experiment.share)} of layer {experiment.layer}, "
                f"model {experiment.model}, by {experiment.unit}"
            )
            width = max(len(arm.name) for arm in experiment.arms)
            for arm in experiment.arms:
                role = "  control" if arm.name == experiment.control else ""
                yield f"  {arm.name:<{width}}  {bound(round(arm.share, 6)):>8}  {arm.target}{role}"
            for warning in experiment.warnings:
                yield f"  note: {warning}"


def review(path: Path, overrides: Sequence[str] = ()) -> Review:
    """Reads and checks a document.

    Args:
        path: The document.
        overrides: ``a.b=value`` options.

    Raises:
        SpecErrors: It is missing or wrong.
        StorageError: It cannot be read.
    """
    document = read_document(path, overrides)
    found = (_experiment(document, name, it) for name, it in document.experiments.items())
    return Review(str(path), document.version, tuple(found))


def _experiment(document: ExperimentsDocument, name: str, experiment: ExperimentConfig) -> ExperimentReview:
    shares = experiment.shares()
    arms = (
        ArmReview(arm, target_words(document, experiment, it), experiment.share * shares[arm])
        for arm, it in experiment.arms.items()
    )
    return ExperimentReview(
        name,
        experiment.model,
        experiment.layer,
        experiment.share,
        unit_words(experiment),
        experiment.control,
        tuple(arms),
        tuple(_warnings(experiment)),
    )


def unit_words(experiment: ExperimentConfig) -> str:
    """Returns what an experiment's units are, in words."""
    unit = experiment.unit
    return f"header {unit.key}" if unit.key else f"feature {unit.feature}" if unit.feature else "request"


def target_words(document: ExperimentsDocument, experiment: ExperimentConfig, arm: ArmConfig) -> str:
    """Returns where an arm's requests go, in words."""
    version = (
        f"version {arm.version}" if arm.version is not None else f"label {arm.label}" if arm.label else ""
    )
    backend = arm.backend or document.default_backend
    return f"{arm.model or experiment.model} {version}".rstrip() + (f" at {backend}" if backend else "")


def _warnings(experiment: ExperimentConfig) -> Iterator[str]:
    if experiment.unit.request:
        yield "each request is assigned by itself: a person may get either arm from one call to the next"
    else:
        yield "a request without its unit is assigned by itself; the status counts these requests"
    targets = [(arm.model, arm.version, arm.label, arm.backend) for arm in experiment.arms.values()]
    if len(set(targets)) < len(targets):
        yield "two arms have the same target: an A/A test"
    if experiment.reward is None:
        yield "no reward is declared: nothing is compared"
