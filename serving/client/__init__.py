"""A client for any TF Serving, over REST or gRPC.

    from serving.client import Client

    with Client("grpc://localhost:8500") as client:
        client.predict("retention", [{"country": "DE", "lessons": 3}])

It starts quickly: it never imports TensorFlow, and imports gRPC only when it is used.
"""

from __future__ import annotations

from serving.client.address import Tls
from serving.client.client import Client
from serving.client.errors import (
    AnswerError,
    CallError,
    ClientError,
    DeadlineError,
    InputError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnsupportedError,
)
from serving.client.model import (
    ModelMetadata,
    ModelStatus,
    Signature,
    Target,
    TensorInfo,
    VersionStatus,
)
from serving.client.reload import ModelConfig
from serving.client.results import Arm, Class, Classification, Prediction, Regression, Task
from serving.client.retry import Retries
from serving.client.rewards import Receipt
from serving.codes import Code
from serving.wire.dtypes import DType

__all__ = [
    "AnswerError",
    "Arm",
    "CallError",
    "Class",
    "Classification",
    "Client",
    "ClientError",
    "Code",
    "DType",
    "DeadlineError",
    "InputError",
    "ModelConfig",
    "ModelMetadata",
    "ModelStatus",
    "NotFoundError",
    "Prediction",
    "Receipt",
    "RefusedError",
    "Regression",
    "Retries",
    "Signature",
    "Target",
    "Task",
    "TensorInfo",
    "Tls",
    "UnavailableError",
    "UnsupportedError",
    "VersionStatus",
]
