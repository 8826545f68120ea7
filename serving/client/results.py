"""The results of calls: frozen, with NumPy arrays of the model's declared types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foundation.errors import near_miss
from serving.client.errors import InputError
from serving.headers import ARM, REQUEST_ID


@dataclass(frozen=True)
class Arm:
    """The part that an answer had in an experiment.

    Attributes:
        experiment: The experiment's name.
        name: The arm that answered.
        request_id: The request's id, by which a reward finds it.
    """

    experiment: str
    name: str
    request_id: str


def arm_of(headers: Iterable[tuple[str, Any]]) -> Arm | None:
    """Returns what the headers or the trailing metadata of an answer say of its arm; None without an experiment."""
    said = {name.lower(): value for name, value in headers if name.lower() in (ARM, REQUEST_ID)}
    experiment, slash, name = said.get(ARM, "").partition("/")
    return Arm(experiment, name, said.get(REQUEST_ID, "")) if slash else None


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer to ``predict``.

    Attributes:
        model: The model's name.
        version: The version that computed it; None over REST, which does not say.
        signature: The signature used.
        outputs: By name; text is an object array of bytes.
        arm: The arm of the experiment that answered; None if the request took part in none.
    """

    model: str
    version: int | None
    signature: str
    outputs: Mapping[str, np.ndarray]
    arm: Arm | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.outputs:
            known = sorted(self.outputs)
            raise InputError(
                f"output {name!r}", expected="one of " + ", ".join(known), remedy=near_miss(name, known)
            )
        return self.outputs[name]

    @property
    def output(self) -> np.ndarray:
        """The only output.

        Raises:
            InputError: There are several outputs.
        """
        if len(self.outputs) != 1:
            raise InputError(
                f"model {self.model!r}",
                expected="one output",
                seen=", ".join(sorted(self.outputs)),
                remedy="take one by name: result['NAME']",
            )
        return next(iter(self.outputs.values()))


@dataclass(frozen=True)
class Class:
    """One class of a classified example."""

    label: str
    score: float


@dataclass(frozen=True)
class Classification:
    """The answer to ``classify``.

    Attributes:
        model: The model's name.
        version: The version that computed it; None over REST, which does not say.
        signature: The signature used.
        results: The classes of each example, in the model's order.
        arm: The arm of the experiment that answered; None if the request took part in none.
    """

    model: str
    version: int | None
    signature: str
    results: tuple[tuple[Class, ...], ...]
    arm: Arm | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The highest-scoring label of each example; empty if the model gave no class."""
        return tuple(max(r, key=lambda c: c.score).label if r else "" for r in self.results)


@dataclass(frozen=True, eq=False)
class Regression:
    """The answer to ``regress``.

    Attributes:
        model: The model's name.
        version: The version that computed it; None over REST, which does not say.
        signature: The signature used.
        values: float32 ``[examples]``.
        arm: The arm of the experiment that answered; None if the request took part in none.
    """

    model: str
    version: int | None
    signature: str
    values: np.ndarray
    arm: Arm | None = None


@dataclass(frozen=True)
class Task:
    """One part of a ``multi_inference``.

    Attributes:
        method: ``classify`` or ``regress``.
        signature: The signature to use; empty means ``serving_default``.
    """

    method: str
    signature: str = ""

    def __post_init__(self) -> None:
        if self.method not in ("classify", "regress"):
            raise InputError("task", expected="classify or regress", seen=repr(self.method))

    @property
    def method_name(self) -> str:
        """The method's name in the protocol."""
        return f"tensorflow/serving/{self.method}"
