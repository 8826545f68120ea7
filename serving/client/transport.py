"""One interface for both protocols: a transport sends one request once; the client does the rest.

A transport knows nothing about retries, cached metadata or plain Python values: it takes arrays of the model's types and
a time limit, and returns a typed result or raises a ``CallError``.
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
    """A predict request that can be sent repeatedly, to time a server and nothing else.

    Attributes:
        send: Sends the request once, within the given seconds, and returns the raw answer.
        read: Turns a raw answer into a prediction.
    """

    send: Callable[[float], Any]
    read: Callable[[Any], Prediction]


class Transport(ABC):
    """A connection to one server. Every method is thread-safe.

    ``timeout`` is in seconds. All methods raise ``CallError`` when the server or the network fails, and
    ``AnswerError`` for an answer that does not follow the protocol.
    """

    def predict(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str], timeout: float
    ) -> Prediction:
        """Runs a signature; ``outputs`` names the outputs to return, empty means all."""
        prepared = self.prepare(target, signature, inputs, outputs)
        return prepared.read(prepared.send(timeout))

    @abstractmethod
    def prepare(
        self, target: Target, signature: Signature, inputs: Arrays, outputs: Sequence[str]
    ) -> Prepared:
        """Builds the request that ``predict`` sends."""

    @abstractmethod
    def classify(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Classification:
        """Classifies examples."""

    @abstractmethod
    def regress(
        self, target: Target, signature: str, examples: Examples, context: Example | None, timeout: float
    ) -> Regression:
        """Returns a number for each example."""

    @abstractmethod
    def multi_inference(
        self, target: Target, tasks: Tasks, examples: Examples, context: Example | None, timeout: float
    ) -> tuple[Classification | Regression, ...]:
        """Runs several classify and regress signatures of one model over the same examples."""

    @abstractmethod
    def metadata(self, target: Target, timeout: float) -> ModelMetadata:
        """Fetches the signatures."""

    @abstractmethod
    def status(self, target: Target, timeout: float) -> ModelStatus:
        """Fetches the states of the versions."""

    @abstractmethod
    def reload_config(self, config: bytes, timeout: float) -> None:
        """Sends the server a new serialized ``ModelServerConfig``."""

    @abstractmethod
    def close(self) -> None:
        """Closes all connections."""
