"""One interface for both protocols: a transport sends one request once; what is around it is the client's.

A transport knows nothing of retries, of metadata kept from earlier calls, or of plain Python values: it takes arrays
whose types are the model's, and a time limit, and gives a typed result or raises a ``CallError``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.client.inputs.examples import Example, Examples
from serving.client.model import ModelMetadata, ModelStatus, Signature, Target
from serving.client.results import Classification, Prediction, Regression, Task

Arrays = Mapping[str, np.ndarray]
Tasks = Sequence[Task]


@dataclass(frozen=True)
class Prepared:
    """A predict request that is sent as often as wanted: what a measurement of a server times, and nothing around it.

    Attributes:
        send: Sends the request once, within a number of seconds, and returns the raw answer.
        read: Makes a prediction of a raw answer.
    """

    send: Callable[[float], Any]
    read: Callable[[Any], Prediction]


class Transport(ABC):
    """A way to one server. Every method may be called from several threads at once.

    ``timeout`` is in seconds. All methods raise ``CallError`` for what the server or the network refuses, and
    ``AnswerError`` for an answer that is not the protocol's.
    """

    def predict(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str], timeout: float
    ) -> Prediction:
        """Runs a signature; ``outputs`` names those that are wanted, none means all."""
        prepared = self.prepare(target, signature, inputs, outputs)
        return prepared.read(prepared.send(timeout))

    @abstractmethod
    def prepare(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str]
    ) -> Prepared:
        """Makes the request that ``predict`` sends."""

    @abstractmethod
    def classify(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Classification:
        """Classifies examples."""

    @abstractmethod
    def regress(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Regression:
        """Gives a number for each example."""

    @abstractmethod
    def multi_inference(
        self, target: Target, tasks: Tasks, examples: Examples, context: Example | None, timeout: float
    ) -> tuple[Classification | Regression, ...]:
        """Runs several classify and regress signatures of one model over the same examples."""

    @abstractmethod
    def metadata(self, target: Target, timeout: float) -> ModelMetadata:
        """Asks for the signatures."""

    @abstractmethod
    def status(self, target: Target, timeout: float) -> ModelStatus:
        """Asks for the states of the versions."""

    @abstractmethod
    def reload_config(self, config: bytes, timeout: float) -> None:
        """Gives the server a new serialized ``ModelServerConfig``."""

    @abstractmethod
    def close(self) -> None:
        """Closes all connections."""
