"""Whose fault an outcome is: the arm's, the request's own, or nobody's; decided for each code.

| code | is | because |
|---|---|---|
| OK | answered | |
| UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS, ABORTED | the arm's failure | the model or its server broke |
| NOT_FOUND | the arm's failure | model, version and label are the ones that the document gives, not the client |
| RESOURCE_EXHAUSTED | the arm's failure | it is out of memory or overloaded |
| DEADLINE_EXCEEDED | the arm's failure if the client waited for a second or for what is slow; else doubtful | a shorter deadline is the client's own choice |
| INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, ALREADY_EXISTS | doubtful | a wrong request gets it from any arm |
| UNAUTHENTICATED, PERMISSION_DENIED | doubtful | the client's rights |
| CANCELLED | nobody's | the client left |

What is doubtful neither lengthens nor ends a row of failures. The comparison with control counts it as an error: units
are assigned at random, so wrong requests are as frequent in control, and an arm that has more of them refuses what control
takes. An answer that takes longer than ``hang`` is the arm's failure, whatever its code, and so is one that control gave in
its place.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from serving.codes import Code

if TYPE_CHECKING:
    from serving.experiments.contract import Outcome

PATIENCE: Final = 1.0
"""Seconds after which a deadline that passed is the arm's failure, unless the document says what is slow."""

_ARMS: Final = frozenset({
    Code.UNKNOWN, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS, Code.ABORTED, Code.NOT_FOUND, Code.RESOURCE_EXHAUSTED,
})  # fmt: skip


class Fault(Enum):
    """Whose fault an outcome is."""

    NONE = "answered"
    ARM = "the arm's failure"
    DOUBTFUL = "doubtful"
    NOBODY = "nobody's"


def fault(outcome: Outcome, hang: float | None, patience: float = PATIENCE) -> Fault:
    """Returns whose fault an outcome is.

    Args:
        outcome: What became of the request.
        hang: Seconds beyond which any answer is the arm's failure; None if there are none.
        patience: Seconds beyond which a deadline that passed is the arm's failure.
    """
    if outcome.fell_back or (hang is not None and outcome.seconds >= hang):
        return Fault.ARM
    if outcome.code == Code.OK:
        return Fault.NONE
    if outcome.code == Code.CANCELLED:
        return Fault.NOBODY
    if outcome.code == Code.DEADLINE_EXCEEDED:
        return Fault.ARM if outcome.seconds >= patience else Fault.DOUBTFUL
    known = outcome.code in Code._value2member_map_
    return Fault.ARM if outcome.code in _ARMS or not known else Fault.DOUBTFUL
