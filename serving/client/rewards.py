"""Rewards: what became of a unit or a request, told to the experiment that it took part in."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from serving.client.address import Tls, parse_address
from serving.client.errors import AnswerError, CallError, InputError, call_error
from serving.client.rest.pool import HttpPool, Reply
from serving.client.units import checked_unit
from serving.codes import code_of_http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.client.results import Arm

_OK: Final = 200
_SUBJECT: Final = "reward"


@dataclass(frozen=True)
class Receipt:
    """What became of a reward.

    Attributes:
        status: ``accepted``; ``repeated``: the same one was counted before; ``replaced``: it counts instead of the one
            before; or why it does not count, such as ``conflicting``, ``late`` or ``unknown``; ``no experiment`` for an answer that took part in none.
        message: The server's own words; empty if there is nothing to add.
    """

    status: str
    message: str = ""

    @property
    def counted(self) -> bool:
        """Whether the reward counts, now or from before."""
        return self.status in ("accepted", "repeated", "replaced")


@dataclass(frozen=True)
class Reward:
    """One reward.

    Attributes:
        experiment: The experiment's name.
        value: The value; True and False are 1 and 0.
        unit: The unit that it is about; or else
        request_id: the request.
        metric: The metric; empty means the experiment's own.
    """

    experiment: str
    value: float
    unit: str | None = None
    request_id: str | None = None
    metric: str = ""

    def body(self) -> bytes:
        """Returns the request's body."""
        about = {"request_id": self.request_id} if self.unit is None else {"unit": self.unit}
        metric = {"metric": self.metric} if self.metric else {}
        return json.dumps({**about, **metric, "value": self.value}).encode()


def reward_of(
    about: Arm | str, value: float, unit: str | None, request_id: str | None, metric: str
) -> Reward:
    """Returns the reward that the arguments describe.

    Raises:
        InputError: It is not clear whom or what it is about, or the value is no number.
    """
    if not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(_SUBJECT, expected="a finite number, True or False", seen=repr(value))
    value = int(value) if isinstance(value, Integral) else float(value)
    if not isinstance(about, str):
        return Reward(about.experiment, value, None, about.request_id, metric)
    if (unit is None) == (request_id is None):
        raise InputError(
            _SUBJECT, expected="the unit or the request's id", seen="neither" if unit is None else "both"
        )
    return Reward(about, value, None if unit is None else checked_unit(unit), request_id, metric)


class RewardChannel:
    """Sends rewards to a router or server over REST.

    Args:
        address: ``http://host:8501`` or ``https://host``.
        tls: Files for ``https``.
        headers: Sent with every reward.
        token: The token for rewards, if the experiments' document asks for one.

    Raises:
        InputError: The address is not one of REST.
    """

    def __init__(self, address: str, tls: Tls, headers: Mapping[str, str], token: str | None) -> None:
        where = parse_address(address)
        if not where.rest:
            raise InputError(
                _SUBJECT,
                expected="a REST address",
                seen=address,
                remedy="name it: Client(..., rewards='http://HOST:8501')",
            )
        self._pool = HttpPool(where, tls)
        self._headers = {**headers, "Accept": "application/json", "Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def send(self, reward: Reward, timeout: float) -> Receipt:
        """Sends a reward once; to send it again does no harm, as it counts once."""
        path = f"/v1/experiments/{quote(reward.experiment, safe='')}:reward"
        reply = self._pool.request("POST", path, reward.body(), self._headers, timeout)
        said = _document(reply)
        if "status" in said:
            return Receipt(str(said["status"]), str(said.get("message", "")))
        raise _failed(reply, said, reward.experiment)

    def close(self) -> None:
        """Closes the connections."""
        self._pool.close()


def _document(reply: Reply) -> dict[str, Any]:
    try:
        said = json.loads(reply.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _failed(reply: Reply, said: Mapping[str, Any], experiment: str) -> CallError | AnswerError:
    if reply.status == _OK:
        return AnswerError(
            _SUBJECT, expected="a receipt", seen=reply.content_type or "an answer of another kind"
        )
    text = said.get("error", f"HTTP {reply.status}, not an answer of Penstock")
    return call_error(
        code_of_http(reply.status), str(text), model=f"experiment {experiment!r}", http_status=reply.status
    )
