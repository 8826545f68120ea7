"""The target of a call, and what a server reports about a model: signatures and version states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foundation.errors import near_miss
from foundation.saved_model import DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE
from serving.client.errors import InputError, UnsupportedError
from serving.codes import Code
from serving.wire.dtypes import DType

EXAMPLES_INPUT = "examples"


def check_type(dtype: DType) -> None:
    """Refuses a type that can be neither fed nor fetched.

    Raises:
        UnsupportedError: The message lists the supported types.
    """
    if dtype is DType.OTHER:
        known = ", ".join(one.name.lower() for one in DType if one is not DType.OTHER)
        raise UnsupportedError("data type", expected=f"one of {known}", seen="another one")


@dataclass(frozen=True)
class Target:
    """The model that a call addresses.

    Attributes:
        name: Its name.
        version: An explicit version; None means the latest, or the label's.
        label: A version label instead of a version.
        headers: Sent with this call alone, as HTTP headers or gRPC metadata.
    """

    name: str
    version: int | None = None
    label: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("model", expected="the model's name", seen="''")
        if self.version is not None and not 0 <= self.version < 2**63:
            raise InputError(f"model {self.name!r}", expected="a version of 64 bits", seen=str(self.version))
        if self.version is not None and self.label is not None:
            raise InputError(
                f"model {self.name!r}",
                expected="a version or a label",
                seen=f"version {self.version} and label {self.label!r}",
            )

    def __str__(self) -> str:
        if self.version is not None:
            return f"model {self.name!r} version {self.version}"
        return (
            f"model {self.name!r} label {self.label!r}" if self.label is not None else f"model {self.name!r}"
        )


@dataclass(frozen=True)
class TensorInfo:
    """One input or output of a signature.

    Attributes:
        name: Its name in requests and answers.
        dtype: Its type.
        shape: Sizes, -1 where any is accepted; None if even the rank is open.
        optional: Whether a request may omit it: the model has a default, and the protocol is gRPC.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...] | None
    optional: bool = False

    def __str__(self) -> str:
        shape = "of any shape" if self.shape is None else str(list(self.shape))
        return f"{self.dtype.label} {shape}"


@dataclass(frozen=True)
class Signature:
    """One way to call a model.

    Attributes:
        name: Such as ``serving_default``.
        method: Such as ``tensorflow/serving/predict``.
        inputs: By name.
        outputs: By name.
    """

    name: str
    method: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    @property
    def examples_input(self) -> TensorInfo | None:
        """The only input if it is a batch of text, as in a signature that takes serialized ``tf.Example``s."""
        only = next(iter(self.inputs.values())) if len(self.inputs) == 1 else None
        fits = (
            only is not None and only.dtype is DType.STRING and (only.shape is None or len(only.shape) == 1)
        )
        return only if fits else None


@dataclass(frozen=True)
class ModelMetadata:
    """The signatures of a loaded version.

    Attributes:
        model: The model's name.
        version: The version they belong to.
        signatures: By name.
    """

    model: str
    version: int
    signatures: Mapping[str, Signature]

    def signature(self, name: str) -> Signature:
        """Returns a signature; an empty name means ``serving_default``.

        Raises:
            InputError: There is no such signature; the message lists the names and the nearest one.
        """
        wanted = name or DEFAULT_SIGNATURE
        if wanted in self.signatures:
            return self.signatures[wanted]
        known = sorted(s for s in self.signatures if not s.startswith("__"))
        raise InputError(
            f"model {self.model!r} version {self.version}: signature {wanted!r}",
            expected="one of " + ", ".join(known),
            remedy=near_miss(wanted, known),
        )

    @property
    def marks_missing(self) -> bool:
        """Whether its dense inputs have marks for missing values, as in the models that Penstock pushes.

        Such a model has ``serving_examples`` beside ``serving_default``.
        """
        examples = self.signatures.get(EXAMPLES_SIGNATURE)
        return (
            examples is not None
            and set(examples.inputs) == {EXAMPLES_INPUT}
            and DEFAULT_SIGNATURE in self.signatures
        )


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version.

    Attributes:
        version: Its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        code: OK, or the code of the error it failed with.
        message: The error's text; empty if there is none.
    """

    version: int
    state: str
    code: Code = Code.OK
    message: str = ""

    def __str__(self) -> str:
        said = f"version {self.version} {self.state}"
        return said if self.code is Code.OK else f"{said} ({self.code.name}: {self.message})"


@dataclass(frozen=True)
class ModelStatus:
    """The states of a model's versions, newest first."""

    model: str
    versions: tuple[VersionStatus, ...]

    @property
    def available(self) -> tuple[int, ...]:
        """The available versions, newest first."""
        return tuple(v.version for v in self.versions if v.state == "AVAILABLE")
