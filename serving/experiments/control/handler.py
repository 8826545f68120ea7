"""The endpoints of experiments: rewards, status and control under ``/v1/experiments``, and what others mount beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import orjson

from foundation.errors import DataError, PenstockError
from serving.experiments.control.access import Access, Headers, Role
from serving.experiments.control.answers import RefusedError, refused, said
from serving.experiments.control.status import overview, status
from serving.experiments.control.verbs import VERBS, Call, Promoter, act
from serving.experiments.rewards.entry import read_entry
from serving.experiments.rewards.targets import Targets, message
from serving.experiments.rewards.writer import RewardWriter, TooManyWaitingError
from serving.http.handler import Answer

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Receipt, Reward, Store

log = logging.getLogger(__name__)

ROOT: Final = "/v1/experiments"
_VERBS: Final = ("reward", *VERBS)

Mounted = Callable[[str, str, Headers, bytes], Awaitable[Answer]]
"""Answers method, target, headers and body, once the caller's token was checked."""


class Control:
    """Answers the endpoints of experiments.

    Args:
        store: The state.
        document: Returns the document as it is now.
        access: Who may use them.
        promoter: Moves labels; None refuses ``promote`` and ``rollback``.
        writer: Writes rewards; None makes one.
    """

    def __init__(
        self,
        store: Store,
        document: Callable[[], ExperimentsDocument],
        access: Access,
        promoter: Promoter | None = None,
        writer: RewardWriter | None = None,
    ) -> None:
        self._store, self._document, self._access, self._promoter = store, document, access, promoter
        self._limits = document().limits
        self._writer = writer or RewardWriter(store, self._limits.waiting)
        self._mounted: list[tuple[str, Mounted, Role | None]] = []
        self._targets: tuple[ExperimentsDocument, Targets] | None = None

    def mount(self, prefix: str, answer: Mounted, role: Role | None) -> None:
        """Answers further paths.

        Args:
            prefix: A path such as ``/metrics``; what is below it belongs to it.
            answer: Answers them.
            role: Whose token is needed; None means nobody's.
        """
        self._mounted.append((prefix, answer, role))

    def matches(self, target: str) -> bool:
        """Returns whether a request's target is one of the endpoints."""
        path = target.partition("?")[0]
        return _below(path, ROOT) or path.startswith(f"{ROOT}:") or self._mount_of(path) is not None

    def _mount_of(self, path: str) -> tuple[Mounted, Role | None] | None:
        return next((found[1:] for found in self._mounted if _below(path, found[0])), None)

    async def handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answers a request; raises only when it is cancelled."""
        try:
            return await self._handle(method, target, headers, body)
        except PenstockError as error:
            return refused(error)
        except TooManyWaitingError:
            seen, remedy = f"{self._limits.waiting} already", "send them again in a second"
            headers_again = b"Retry-After: 1\r\n"
            expected = "fewer rewards that wait at a time"
            return refused(
                RefusedError(
                    429, "rewards", expected=expected, seen=seen, remedy=remedy, headers=headers_again
                )
            )
        except Exception:
            log.exception("internal error at %s", target.partition("?")[0])
            return refused(RefusedError(500, "internal error", seen="see the server's log"))

    async def _handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        path = target.partition("?")[0]
        mounted = self._mount_of(path)
        if mounted is not None:
            answer, role = mounted
            if role is not None:
                self._access.check(role, headers)
            return await answer(method, target, headers, body)
        name, verb = _parsed(path)
        role = Role.REWARD if verb in ("reward", "rewards") else Role.CONTROL
        self._access.check(role, headers)
        _check_method(method, path, "POST" if verb else "GET")
        if not verb:
            return await self._status(name)
        document = _json(headers, body, self._limits.body)
        if verb == "rewards":
            return await self._rewards(document)
        if verb == "reward":
            return await self._reward(name, document)
        return await asyncio.to_thread(self._act, name, verb, document)

    async def _status(self, name: str) -> Answer:
        document = self._document()
        if name:
            return said(await asyncio.to_thread(status, self._store, document, name))
        return said(await asyncio.to_thread(overview, self._store, document))

    def _now(self) -> Targets:
        document = self._document()
        if self._targets is None or self._targets[0] is not document:
            self._targets = document, Targets(document)
        return self._targets[1]

    async def _reward(self, name: str, document: Any) -> Answer:
        rewards = self._now().rewards(read_entry(document, experiment=name))
        (receipt,) = await self._writer.write([rewards])
        return said(_receipt(receipt))

    async def _rewards(self, document: Any) -> Answer:
        entries = document.get("rewards") if isinstance(document, dict) and len(document) == 1 else None
        if not isinstance(entries, list):
            raise DataError("body", expected='{"rewards": [...]}', seen="something else")
        if len(entries) > self._limits.rewards:
            seen, remedy = f"{len(entries)}", "send them in several calls"
            raise RefusedError(
                413, "rewards", expected=f"at most {self._limits.rewards} in a call", seen=seen, remedy=remedy
            )
        found: list[list[Reward] | DataError] = []
        for n, entry in enumerate(entries):
            try:
                found.append(self._now().rewards(read_entry(entry, f"rewards[{n}]"), f"rewards[{n}]"))
            except DataError as error:
                found.append(error)
        receipts = iter(await self._writer.write([one for one in found if isinstance(one, list)]))
        answers = [
            {"status": "refused", "message": one.render()}
            if isinstance(one, DataError)
            else _receipt(next(receipts))
            for one in found
        ]
        totals: dict[str, int] = {}
        for answer in answers:
            totals[answer["status"]] = totals.get(answer["status"], 0) + 1
        return said({"receipts": answers, "totals": totals})

    def _act(self, name: str, verb: str, given: Any) -> Answer:
        document = self._document()
        done = act(Call(self._store, document, name, verb, given), self._promoter)
        log.info("%s", done)
        return said(status(self._store, document, name))

    def close(self) -> None:
        """Ends the thread that writes rewards."""
        self._writer.close()


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _parsed(path: str) -> tuple[str, str]:
    """Returns the experiment's name and the verb of a path; empty where it has none."""
    rest = path[len(ROOT) :]
    if rest == "":
        return "", ""
    if rest == ":rewards":
        return "", "rewards"
    name, colon, verb = rest[1:].partition(":")
    if not rest.startswith("/") or not name or "/" in name or (colon and verb not in _VERBS):
        verbs = ", ".join(f":{known}" for known in _VERBS)
        expected = f"{ROOT}, {ROOT}:rewards or {ROOT}/NAME, followed by nothing or one of {verbs}"
        raise RefusedError(404, "address", expected=expected, seen=f"{path:.120}")
    return unquote(name), verb


def _check_method(method: str, path: str, allowed: str) -> None:
    if method != allowed:
        header = f"Allow: {allowed}\r\n".encode()
        raise RefusedError(405, f"{path:.120}", expected=allowed, seen=method, headers=header)


def _json(headers: Headers, body: bytes, most: int) -> Any:
    """Returns a body as JSON. That its type must be said keeps out what a form of a foreign web page can send."""
    fields = dict(headers)
    kind = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        seen = kind.decode("latin-1")[:60] or "none"
        raise RefusedError(415, "Content-Type", expected="application/json", seen=seen)
    encoding = fields.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        raise RefusedError(415, "Content-Encoding", expected="none", seen=encoding.decode("latin-1")[:60])
    if len(body) > most:
        remedy = "send less at a time, or raise limits: body"
        raise RefusedError(413, "body", expected=f"at most {most} bytes", seen=f"{len(body)}", remedy=remedy)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DataError("body", expected="JSON", seen=str(error)[:120]) from error


def _receipt(receipt: Receipt) -> dict[str, Any]:
    found: dict[str, Any] = {"status": receipt.status.value, "experiment": receipt.experiment}
    if receipt.value is not None:
        found["value"] = receipt.value
    text = message(receipt)
    return {**found, "message": text} if text else found
