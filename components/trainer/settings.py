"""Settings of one training run: the document's slices, overridden by the tuner's choices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.recipe import Size, choose_model, choose_training
from foundation.errors import SpecError, near_miss


@dataclass(frozen=True)
class TrainingSettings:
    """Model, training and label of one run.

    Args:
        model: The ``model`` slice.
        train: The ``train`` slice.
        label: Name of the label.
        own: Hyperparameters known only to a user's ``build_model``.
        chosen: What the document left open: ``model.`` or ``train.`` and a key → the value chosen by the rows.
    """

    model: ModelConfigSlice
    train: TrainConfig
    label: str
    own: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decays(self) -> bool:
        """Whether the learning rate falls to 0: one that was chosen does, one that was given or is the user's stays."""
        return "train.learning_rate" in self.chosen and not self.model.build_model

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any]) -> TrainingSettings:
        """Reads the settings from the ``custom_config`` of ``make_trainer`` or ``make_tuner``."""
        return cls(
            ModelConfigSlice.model_validate(custom_config["model"]),
            TrainConfig.model_validate(custom_config["train"]),
            custom_config["label"],
        )

    def with_hyperparameters(self, values: Mapping[str, Any]) -> TrainingSettings:
        """Returns these settings overridden by hyperparameters.

        Args:
            values: Key of ``model`` or ``train`` → value; a list is given as JSON text, as in keras-tuner.

        Raises:
            SpecError: A name is not a key of ``model`` or ``train``, or a value does not fit it.
        """
        chosen = {name: decode(value) for name, value in values.items() if not name.startswith("tuner/")}
        known = [*ModelConfigSlice.model_fields, *TrainConfig.model_fields]
        own = self.model.build_model is not None
        for name in chosen:
            if name not in known and not own:
                raise SpecError(
                    f"tune.search.{name}", expected="a key of model or train", remedy=near_miss(name, known)
                )
        try:
            model = _override(self.model, chosen)
            train = _override(self.train, chosen)
        except ValidationError as error:
            raise SpecError(
                "tune.search", expected="values accepted by model and train", seen=str(error)
            ) from error
        return TrainingSettings(model, train, self.label, {n: v for n, v in chosen.items() if n not in known})

    def for_table(self, size: Size) -> TrainingSettings:
        """Returns these settings with everything that they leave open chosen for a table.

        Args:
            size: Rows and inputs of the train split.
        """
        model, train = choose_model(self.model, size), choose_training(self.model, self.train, size)
        return replace(
            self,
            model=self.model.model_copy(update=model),
            train=self.train.model_copy(update=train),
            chosen={f"model.{n}": v for n, v in model.items()} | {f"train.{n}": v for n, v in train.items()},
        )


def with_even_steps(settings: TrainingSettings, devices: int) -> TrainingSettings:
    """Returns settings whose steps have the same number of rows for each device.

    Args:
        settings: The settings, with all that is chosen.
        devices: Number of devices.

    Raises:
        SpecError: The document gives a number of rows that cannot be shared.
    """
    rows = settings.train.batch_size or devices
    if rows % devices == 0:
        return settings
    fitting = max(devices, rows // devices * devices)
    if "train.batch_size" not in settings.chosen:
        raise SpecError(
            "train.batch_size",
            expected=f"a multiple of {devices}, the number of train.devices: it counts the rows of all together",
            seen=str(rows),
            remedy=f"write {fitting}",
        )
    train = settings.train.model_copy(update={"batch_size": fitting})
    return replace(settings, train=train, chosen={**settings.chosen, "train.batch_size": fitting})


def decode(value: Any) -> Any:
    """Returns the list for its JSON text, anything else unchanged."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


def _override(config: Any, values: Mapping[str, Any]) -> Any:
    mine = {name: value for name, value in values.items() if name in type(config).model_fields}
    return type(config).model_validate({**config.model_dump(by_alias=True), **mine}) if mine else config
