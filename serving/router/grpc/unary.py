"""A unary call of TF Serving's API: its message is gathered, its arm chosen, its model_spec merged, its answer spliced."""

from __future__ import annotations

from typing import Final

from serving.experiments.contract import Target
from serving.experiments.plane import model_spec
from serving.experiments.plane.calls import FAILED, Call, request_id_of, unit_of
from serving.http2 import frames
from serving.http2.messages import PREFIX, CallFault, Gatherer, inflate
from serving.router.grpc import heads, methods
from serving.router.grpc.answered import AnsweredCall
from serving.router.grpc.copies import queue_shadow

_API: Final = "grpc"
_PREFIX_BYTES: Final = 5


class UnaryCall(AnsweredCall):
    """One call; see ``AnsweredCall``."""

    __slots__ = ()

    def client_data(self, data: bytes, ended: bool) -> None:
        """Gathers the message."""
        self._connection.used(self._stream, len(data))
        if self._over:
            return
        try:
            gatherer = self._gatherer
            if gatherer is None:
                if ended and _is_whole(data):
                    self._whole(data[0] == 1, data[_PREFIX_BYTES:])
                    return
                gatherer = self._gatherer = Gatherer(self._front.largest, self._share.take)
            gatherer.add(data)
            if ended:
                self._whole(gatherer.compressed, gatherer.whole())
        except CallFault as fault:
            self._answer(fault.code, fault.message)

    def client_headers(self, block: bytes, ended: bool) -> None:
        """Takes trailers, which no gRPC client sends, as the end."""
        self.client_data(b"", ended)

    def _whole(self, compressed: bool, message: bytes) -> None:
        """Decides where the request goes."""
        front = self._front
        plain: bytes | None = message
        if compressed:
            # What cannot be read goes to the default backend, which says why.
            try:
                plain = inflate(message, self._head.encoding, front.largest)
            except CallFault:
                plain = None
        self._payload = PREFIX.pack(compressed, len(message)) + message
        if plain is not None and self._experiment(plain):
            return
        self._send(front.default)

    def _experiment(self, plain: bytes) -> bool:
        """Sends the request where an experiment on its model says; returns False if there is none."""
        try:
            spec = model_spec.read(self._method, plain)
        except model_spec.UnreadableError:
            return False
        route = None if spec.chosen else self._front.traffic.route(spec.name)
        if route is None:
            return False
        if self._method in (methods.STATUS, methods.METADATA):
            control = route.control
            # All versions of a model are listed in its status.
            self._aim(Target(control.model) if self._method == methods.STATUS else control, plain)
            self._send(control.backend or self._front.default)
            return True
        metadata = self._head.metadata
        call = Call(route, _API, self._method, request_id_of(metadata), plain)
        unit = unit_of(metadata, route.unit_header) if route.unit_header is not None else None
        choice = call.choose(unit)
        if choice is None:
            return False
        self._call = call
        self._limit = route.hang
        self._plain = plain if choice.fallback is not None else None
        self._extra = heads.of_answer(choice.experiment, choice.arm, call.request_id)
        self._aim(choice.target, plain)
        self._send(choice.target.backend or self._front.default)
        for arm, target in choice.shadows:
            queue_shadow(self._front, call, arm, target, self._block)
        return True

    def _aim(self, target: Target, plain: bytes) -> None:
        """Makes the request one for a target; it is sent uncompressed then."""
        self._target = target
        merged = model_spec.merged(self._method, plain, target)
        self._payload = PREFIX.pack(0, len(merged)) + merged

    def _falls_back(self, code: int) -> bool:
        """Asks the fallback if there is one and the arm has failed; returns whether it does."""
        call, plain = self._call, self._plain
        if call is None or plain is None or self._forwarded or code not in FAILED:
            return False
        assert call.choice is not None and call.choice.fallback is not None
        self._plain, self._held, self._fell_back = None, None, True
        self._let_go(frames.CANCEL)
        self._aim(call.choice.fallback, plain)
        self._send(self._target.backend or self._front.default)
        return True

    def _answer(self, code: int, text: str) -> None:
        """Answers a request that was not forwarded."""
        self._end(code, text)
        if not self._stream.remote_ended:
            self._connection.reset(self._stream, frames.NO_ERROR)


def _is_whole(data: bytes) -> bool:
    return (
        len(data) >= _PREFIX_BYTES
        and data[0] < 2
        and int.from_bytes(data[1:_PREFIX_BYTES], "big") == len(data) - _PREFIX_BYTES
    )
