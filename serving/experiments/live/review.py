"""What ``penstock experiment check`` says: experiments, arms, shares, and what to think about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foundation.numbers import bound
from serving.experiments.document.models import ArmConfig, ExperimentConfig, ExperimentsDocument
from serving.experiments.document.reader import read_document
from serving.experiments.live.known import Known, Move, known_state, moves
from serving.experiments.live.warn import warnings


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
        mode: Its mode.
        phase: Where it is in its life; empty if the state was not read.
        arms: Its arms.
        warnings: What to think about.
    """

    name: str
    model: str
    layer: str
    share: float
    unit: str
    control: str
    mode: str
    phase: str
    arms: tuple[ArmReview, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Review:
    """What there is to say of a document.

    Attributes:
        document: Its path.
        version: Its version.
        experiments: Its experiments.
        moves: What would move in the layers that are in force, or moves at this moment.
        state: Why the state was not read; empty if it was.
    """

    document: str
    version: str
    experiments: tuple[ExperimentReview, ...]
    moves: tuple[Move, ...] = ()
    state: str = ""

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
                f"{experiment.name}: {experiment.phase or 'not known whether it runs'}; {experiment.mode}, "
                f"{bound(experiment.share)} of layer {experiment.layer}, model {experiment.model}, by {experiment.unit}"
            )
            width = max(len(arm.name) for arm in experiment.arms)
            for arm in experiment.arms:
                role = "  control" if arm.name == experiment.control else ""
                yield f"  {arm.name:<{width}}  {bound(round(arm.share, 6)):>8}  {arm.target}{role}"
            for warning in experiment.warnings:
                yield f"  note: {warning}"
        yield ""
        for move in self.moves:
            yield move.line()
        if self.state:
            yield f"state: {self.state}"


def review(path: Path, overrides: Sequence[str] = ()) -> Review:
    """Reads and checks a document; compares it with the state, if there is one. Nothing is changed.

    Args:
        path: The document.
        overrides: ``a.b=value`` options.

    Raises:
        SpecErrors: It is missing or wrong.
        StorageError: It cannot be read.
    """
    document = read_document(path, overrides)
    known = known_state(document, path.absolute().parent)
    found = (_experiment(document, name, it, known) for name, it in document.experiments.items())
    return Review(str(path), document.version, tuple(found), tuple(moves(document, known)), known.why_not)


def _experiment(
    document: ExperimentsDocument, name: str, experiment: ExperimentConfig, known: Known
) -> ExperimentReview:
    share, shares = known.world.shares_of(name)
    arms = (
        ArmReview(arm, target_words(document, experiment, it), share * shares.get(arm, 0.0))
        for arm, it in experiment.arms.items()
    )
    life = known.world.life(name)
    return ExperimentReview(
        name,
        experiment.model,
        experiment.layer,
        share,
        unit_words(experiment),
        experiment.control,
        experiment.mode.type,
        "" if known.why_not.startswith("not read") else life.phase.value.replace("_", " "),
        tuple(arms),
        tuple(warnings(document, experiment, known.world.shares_of(name))),
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
