"""What a data plane (the router or the model server) and the experiments exchange for each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests of an arm go.

    Attributes:
        model: The model's name at the backend.
        version: The version; None means the label, or what the backend takes without one.
        label: The version's label; empty means the version.
        backend: The backend's name in the document; empty means the default one.
    """

    model: str
    version: int | None = None
    label: str = ""
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The arm that answers a request.

    Attributes:
        experiment: The experiment's name.
        arm: The arm's name.
        target: Where the request goes.
        propensity: The arm's probability in force when the unit was assigned.
        unit: The unit's keyed hash, 16 bytes; empty if the assignment is by request.
        document: The version of the experiment's document: the first 12 hex digits of its digest.
        table: The version of the slot table.
        fallback: Where to ask again if the target fails; None means that the client gets the arm's own error.
        shadows: Arms that get a copy whose answer the client never sees, with their targets.
        probabilities: Every arm's name and probability when the unit was assigned; empty if they are not known.
        context: The numbers that these probabilities were computed from; None where one is missing.
        epoch: The epoch of the assignment: a unit is assigned anew in each; 0 where there are none.
    """

    experiment: str
    arm: str
    target: Target
    propensity: float
    unit: bytes
    document: str
    table: int
    fallback: Target | None = None
    shadows: tuple[tuple[str, Target], ...] = ()
    probabilities: tuple[tuple[str, float], ...] = ()
    context: tuple[float | None, ...] = ()
    epoch: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of a request.

    Attributes:
        request_id: The request's id, from the client or made by the data plane.
        api: ``grpc`` or ``rest``.
        method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        began: When it arrived, in seconds since the epoch.
        seconds: How long the answer took.
        code: The answer's gRPC code; REST statuses are translated (0 is OK).
        request: The request's body as the client sent it, uncompressed: a protobuf message or JSON.
        response: The answer's body, uncompressed; empty if it failed.
        version: The version that answered, if the answer says so or the target names it.
        fell_back: Whether the fallback answered.
    """

    request_id: str
    api: str
    method: str
    began: float
    seconds: float
    code: int
    request: bytes
    response: bytes
    version: int | None = None
    fell_back: bool = False


class Route(Protocol):
    """The experiments on one public model name.

    Attributes:
        unit_header: Lower-case name of the header or metadata key that holds the unit; None if it is not there.
        unit_feature: Name of the request's feature that holds the unit; None if it is not there.
        reads_body: Whether ``choose`` needs the request's body: for a unit or a context in it.
        features: The features that ``choose`` reads if ``reads_body``; None means all of them.
        control: The control arm's target: it answers for the public name's status and metadata.
        hang: Seconds after which a target that has not answered counts as failed; None leaves it to the data plane.
    """

    unit_header: bytes | None
    unit_feature: str | None
    reads_body: bool
    features: tuple[str, ...] | None
    control: Target
    hang: float | None

    def choose(
        self, unit: str | None, request_id: str, body: Callable[[], Mapping[str, object]] | None = None
    ) -> Choice | None:
        """Assigns a request; only memory is read.

        Args:
            unit: The unit as the caller gave it; None means none was given.
            request_id: The request's id.
            body: Decodes the request's named features, if ``reads_body``; called only when needed.

        Returns:
            The choice; None if the request takes part in no experiment and goes on unchanged.
        """

    def answered(self, choice: Choice, outcome: Outcome) -> None:
        """Takes what became of a request: appends it to a list. Never waits and never raises."""

    def shadowed(self, choice: Choice, arm: str, outcome: Outcome) -> None:
        """Takes the answer of a shadow; ``outcome.request_id`` is the original's. Never waits and never raises."""


class Traffic(Protocol):
    """All experiments of a process, as a data plane sees them."""

    def route(self, model: str) -> Route | None:
        """Returns the route of a public model name; None if there is no running experiment on it."""
