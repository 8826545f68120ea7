"""Feeds mutated HTTP/2 frames to the protocol of our server, and of our client, in-process and without sockets.

    python benchmarks/serving/fuzz_http2.py                         a million frames, a few minutes
    python benchmarks/serving/fuzz_http2.py --frames 20000 --seed 7

Held after every piece of input: no exception escapes and none is caught as an internal error; streams, closed streams,
bytes that wait and the rest of a frame stay within the limits; what is written is a sequence of whole frames. Held at the
end of every connection: it ends with GOAWAY or goes on, and answers a new call then; and when the transport is gone, no
stream, no task and no byte of the budget is left.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent)]

from hpack import Encoder  # noqa: E402

from serving.http.budget import Budget  # noqa: E402
from serving.http2 import frames, hpack  # noqa: E402
from serving.http2.answering import ServerConnection  # noqa: E402
from serving.http2.call import Call, CallFault, Reply  # noqa: E402
from serving.http2.client import ClientConnection  # noqa: E402
from serving.http2.connection import Connection  # noqa: E402
from serving.http2.limits import Limits  # noqa: E402
from serving.http2.server import Shared  # noqa: E402

LIMITS = Limits(
    streams=16, window=20_000, connection_window=100_000, header_bytes=20_000, header_list_bytes=20_000,
    resets=200, resets_per_second=0, controls=300, controls_per_second=0,
)  # fmt: skip
PATHS = (b"/f/Echo", b"/f/Later", b"/f/Fail", b"/f/Zip", b"/f/Many", b"/f/Broken", b"/f/None")
BUDGET = 1 << 20
CLIENT_CALLS = 8


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        """Keeps it."""
        assert not self.closed, "written after the end"
        self.written += data

    def writelines(self, list_of_data: Any) -> None:
        """Keeps them."""
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        """Ends it."""
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        """Returns whether it has ended."""
        return self.closed

    def can_write_eof(self) -> bool:
        """Returns False, as TLS does: then a fault closes at once."""
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Does nothing."""

    def get_write_buffer_size(self) -> int:
        """Returns 0."""
        return 0

    def pause_reading(self) -> None:
        """Does nothing."""

    def resume_reading(self) -> None:
        """Does nothing."""


class Errors(logging.Handler):
    """Keeps what the library logs as an error, but for the handler that is broken on purpose."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a record."""
        text = self.format(record)
        if "broken on purpose" not in text:
            self.seen.append(text)


def handlers() -> dict[bytes, Any]:
    """Returns a handler of every kind."""

    async def later(call: Call) -> bytes:
        await asyncio.sleep(0)
        return call.message

    async def many(call: Call) -> Any:
        for _ in range(3):
            yield call.message

    def fail(call: Call) -> bytes:
        raise CallFault(5, "nö\n", call.metadata[:3])

    def broken(call: Call) -> bytes:
        raise KeyError("broken on purpose")

    echo, packed = (
        (lambda call: call.message),
        (lambda call: Reply(call.message, call.metadata[:3], compress=True)),
    )
    return dict(zip(PATHS, (echo, later, fail, packed, many, broken), strict=False))


class Peer:
    """Makes frames: mostly sensible ones, then changed.

    Args:
        dice: Where chance comes from.
        client: Whether it plays the client.
    """

    def __init__(self, dice: random.Random, *, client: bool) -> None:
        self._dice, self._client = dice, client
        self._encoder = Encoder()
        self._next = 1
        # Most faults end the connection: only some peers make many, or no frame would come after them.
        self._wild = dice.choice([0.0, 0.002, 0.01, 0.05, 0.3])
        self.frames = 0

    def opening(self) -> bytes:
        """Returns the preface and SETTINGS, rarely without a part or with a byte changed."""
        dice = self._dice
        preface = frames.PREFACE if self._client else b""
        data = (
            preface
            + frames.settings(self._settings())
            + dice.choice([b"", frames.SETTINGS_ACK, frames.SETTINGS_ACK])
        )
        self.frames += 2
        return self._changed(data) if dice.random() < self._wild / 4 else data

    def piece(self) -> bytes:
        """Returns one to five frames, sometimes with changed bytes."""
        data = b"".join(self._frame() for _ in range(self._dice.choice([1, 1, 2, 3, 5])))
        return self._changed(data) if self._dice.random() < self._wild else data

    def _frame(self) -> bytes:
        self.frames += 1
        dice = self._dice
        kind = dice.random()
        if kind < 0.45 or self._next == 1:
            return self._call() if self._client else self._answer()
        number = self._number()
        if dice.random() < self._wild:
            return self._anything(number)
        if kind < 0.55:
            padded = dice.choice([8, 9]) if dice.random() < self._wild else 0
            return self._data(
                number, dice.choice([0, 1, 5, 100, 5000, 16_384]), padded or dice.choice([0, 1])
            )
        if kind < 0.62:
            odd = [0, 2**31 - 1] if dice.random() < self._wild else [1, 100, 5000, 70_000]
            return frames.window_update(dice.choice([0, number]), dice.choice(odd))
        if kind < 0.68:
            return frames.reset(number, dice.choice([0, 8, 7, 99]))
        if kind < 0.74:
            return frames.settings(self._settings())
        if kind < 0.78:
            return frames.ping(dice.randbytes(8), ack=dice.random() < 0.3)
        if kind < 0.785:
            return frames.go_away(dice.choice([0, number, 2**31 - 1]), dice.choice([0, 2, 11]))
        if kind < 0.83:
            return self._cut_block(number)
        if kind < 0.9:
            return frames.head(5, frames.PRIORITY, 0, number) + bytes(5)
        return frames.window_update(0, 20_000) + frames.window_update(number, 20_000)

    def _number(self) -> int:
        dice = self._dice
        if dice.random() < self._wild:
            return dice.choice([dice.randrange(40), self._next, self._next + 2])
        return dice.choice([max(1, self._next - 2), max(1, self._next - 2 * dice.randrange(1, 10))])

    def _settings(self) -> dict[int, int]:
        dice = self._dice
        values = {
            1: (0, 100, 4096),
            2: (0, 1),
            3: (0, 1, 100),
            4: (0, 1, 5000, 65_535, 2**31 - 1),
            5: (16_384, 2**24 - 1),
            6: (0, 9999),
        }
        odd = {1: 2**32 - 1, 2: 7, 4: 2**31, 5: 1, 77: 5}
        chosen = {name: dice.choice(values[name]) for name in dice.sample(list(values), dice.randrange(4))}
        return {
            **chosen,
            **({n: odd[n] for n in [dice.choice(list(odd))]} if dice.random() < self._wild / 4 else {}),
        }

    def _block(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        dice = self._dice
        if dice.random() < self._wild:
            dice.shuffle(fields)
        if dice.random() < self._wild:
            fields.append(dice.choice(fields))
        if dice.random() < self._wild:
            block = bytes(self._encoder.encode(fields, huffman=dice.random() < 0.5))
        else:
            block = hpack.block(fields)
        return self._changed(block) if dice.random() < self._wild else block

    def _call(self) -> bytes:
        dice = self._dice
        if dice.random() >= self._wild:
            number, self._next = self._next, self._next + 2
        else:
            number = self._number()
        fields = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", dice.choice(PATHS)),
            (b":authority", b"x"),
        ]
        fields += [
            (b"content-type", dice.choice([b"application/grpc"] * 9 + [b"text/html"])),
            (b"te", b"trailers"),
        ]
        odd = [
            (b"grpc-timeout", b"1m"), (b"grpc-timeout", b"99999999H"), (b"grpc-timeout", b"x"), (b"x-bin", b"AAA"),
            (b"x-bin", b"!"), (b"grpc-encoding", b"gzip"), (b"grpc-encoding", b"snappy"), (b"content-length", b"10"),
            (b"content-length", b"1" * 30), (b"Upper", b"x"), (b"x", b"\n"), (b"", b""), (b":path", b"/f/Echo"),
            (b"grpc-accept-encoding", b"gzip,deflate"), (b"connection", b"close"), (b"x-long", bytes(5000)),
            (b"grpc-accept-encoding", b"gzip"), (b"te", b"gzip"), (b"grpc-accept-encoding", b"deflate"),
        ]  # fmt: skip
        if dice.random() < 0.5:
            fields += dice.sample(odd, dice.randrange(1, 4))
        end = dice.random() < 0.05
        head = frames.headers(number, self._block(fields), end=end)
        return head if end else head + self._message(number)

    def _message(self, number: int) -> bytes:
        dice = self._dice
        size = dice.choice([0, 1, 5, 300, 9000, 16_000])
        announced = size if dice.random() < 0.9 else dice.choice([0, size + 5, 2**31, 2**32 - 1, 100_000])
        data = bytes([dice.choice([0] * 9 + [1, 2])]) + announced.to_bytes(4, "big") + bytes(size)
        if dice.random() < 0.3:
            cut = dice.randrange(len(data) + 1)
            first = frames.head(cut, frames.DATA, 0, number) + data[:cut]
            return first + frames.head(len(data) - cut, frames.DATA, frames.END_STREAM, number) + data[cut:]
        data = data[: frames.DEFAULT_FRAME_BYTES]
        return frames.head(len(data), frames.DATA, dice.choice([1, 1, 1, 0]), number) + data

    def _answer(self) -> bytes:
        dice = self._dice
        number = dice.choice([2 * dice.randrange(CLIENT_CALLS) + 1, self._number()])
        first = [
            (b":status", dice.choice([b"200", b"200", b"500", b"x", b"100"])),
            (b"content-type", b"application/grpc"),
        ]
        status = dice.choice([b"0", b"0", b"5", b"x", b"-1", b"9" * 5000, b"77", b""])
        last = [
            (b"grpc-status", status),
            (b"grpc-message", dice.choice([b"fine", b"%", b"%zz%F", b"\xff%E2%82"])),
        ]
        size = dice.choice([0, 3, 5000])
        data = bytes([dice.choice([0, 0, 0, 1, 9])]) + size.to_bytes(4, "big") + bytes(size)
        parts = [
            frames.headers(number, self._block(first), end=False),
            frames.head(len(data), frames.DATA, 0, number) + data,
            frames.headers(number, self._block(last), end=dice.random() < 0.9),
        ]
        return b"".join(part for part in parts if dice.random() < 0.95)

    def _data(self, number: int, size: int, flags: int) -> bytes:
        data = self._dice.randbytes(min(size, 200)) + bytes(max(0, size - 200))
        return frames.head(len(data), frames.DATA, flags, number) + data

    def _cut_block(self, number: int) -> bytes:
        """A header block over several frames, some of which may be missing, of another stream, or of another type."""
        dice = self._dice
        if dice.random() >= self._wild:
            number, self._next = self._next, self._next + 2
        block = self._block(
            [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/f/Echo"), (b"x", bytes(50))]
        )
        cut = dice.randrange(len(block) + 1)
        parts = [frames.head(cut, frames.HEADERS, dice.choice([0, 1]), number) + block[:cut]]
        wild = dice.random() < self._wild
        for _ in range(70 if wild and dice.random() < 0.3 else dice.choice([0, 0, 3])):
            parts.append(frames.head(0, frames.CONTINUATION, 0, number))
        rest = block[cut:]
        other, flags = (number + dice.choice([0, 2]), dice.choice([0, 4])) if wild else (number, 4)
        parts.append(frames.head(len(rest), frames.CONTINUATION, flags, other) + rest)
        return b"".join(parts)

    def _anything(self, number: int) -> bytes:
        dice = self._dice
        size = dice.choice([0, 1, 4, 5, 6, 8, 9, 100])
        kind, flags = dice.choice([*range(11), 200]), dice.choice([0, 1, 4, 5, 8, 0x20, 0x2D, 255])
        return frames.head(size, kind, flags, dice.choice([0, number, 2**31 + number])) + dice.randbytes(size)

    def _changed(self, data: bytes) -> bytes:
        dice, changed = self._dice, bytearray(data)
        for _ in range(dice.choice([1, 1, 2, 8])):
            if not changed:
                break
            at = dice.randrange(len(changed))
            action = dice.randrange(4)
            if action == 0:
                changed[at] = dice.randrange(256)
            elif action == 1:
                changed[at] ^= 1 << dice.randrange(8)
            elif action == 2:
                del changed[at : at + dice.choice([1, 1, 9])]
            else:
                changed[at:at] = dice.randbytes(dice.choice([1, 4]))
        return bytes(changed)


class Case:
    """One connection from its beginning to its end.

    Args:
        seed: What all its chances come from.
        loop: The running loop.
    """

    def __init__(self, seed: int, loop: asyncio.AbstractEventLoop) -> None:
        self._dice = random.Random(seed)
        self._pipe = Pipe()
        self._budget = Budget(BUDGET)
        self._server = self._dice.random() < 0.8
        self._calls: list[asyncio.Task[Any]] = []
        self._read = 0
        self.goodbye: int | None = None
        self.peer = Peer(self._dice, client=self._server)
        if self._server:
            shared = Shared(handlers(), LIMITS, self._budget, 50_000, 50_000, False)
            self.connection: Connection = ServerConnection(shared, loop)
        else:
            self.connection = ClientConnection(LIMITS, loop, "x")
        self._loop = loop

    async def run(self) -> None:
        """Runs it.

        Raises:
            AssertionError: Something that must hold does not.
        """
        self.connection.connection_made(self._pipe)
        self._feed(self.peer.opening())
        if isinstance(self.connection, ClientConnection):
            for _ in range(CLIENT_CALLS):
                self._calls.append(self._loop.create_task(self._ask(self.connection)))
        for _ in range(self._dice.choice([5, 50, 300])):
            if self._pipe.closed:
                break
            self._some(self.peer.piece())
            for _ in range(self._dice.randrange(3)):
                await asyncio.sleep(0)
        if self._server and not self._pipe.closed:
            await self._another_call()
        await self._end()

    async def _ask(self, client: ClientConnection) -> None:
        try:
            await client.call(b"/f/Echo", bytes(self._dice.choice([0, 10, 30_000])), timeout=None)
        except CallFault as fault:
            assert fault.code >= 0, f"a status of {fault.code}"

    def _some(self, data: bytes) -> None:
        """Feeds bytes, sometimes in pieces; sometimes the peer stops reading meanwhile."""
        dice = self._dice
        if dice.random() < 0.05:
            self.connection.pause_writing()
        if dice.random() < 0.3 and len(data) > 1:
            cut = dice.randrange(1, len(data))
            self._feed(data[:cut])
            data = data[cut:]
        if not self._pipe.closed:
            self._feed(data)
        if self.connection.paused and dice.random() < 0.5 and not self._pipe.closed:
            self.connection.resume_writing()
        if dice.random() < 0.05:
            self.connection.sweep(self._loop.time() + dice.choice([0, 25, 100]), dice.choice([1.0, 50.0]))

    def _feed(self, data: bytes) -> None:
        self.connection.data_received(data)
        connection: Any = self.connection
        assert len(connection.streams) <= LIMITS.streams, f"{len(connection.streams)} streams"
        assert len(connection._closed) <= 2100, f"{len(connection._closed)} closed streams"
        assert len(connection._rest) <= 9 + frames.DEFAULT_FRAME_BYTES, (
            f"a rest of {len(connection._rest)} bytes"
        )
        assert connection._block_bytes <= LIMITS.header_bytes + frames.DEFAULT_FRAME_BYTES, "a header block"
        waiting = sum(stream.waiting_bytes for stream in connection.streams.values())
        assert waiting <= LIMITS.streams * 60_000, f"{waiting} bytes wait"
        self._check_written()

    def _check_written(self) -> None:
        written = self._pipe.written
        if not self._server and not self._read:
            self._read = len(frames.PREFACE)
        while self._read < len(written):
            upper, lower, kind, _, number = frames.read_head(written, self._read)
            length = upper << 8 | lower
            assert kind <= frames.CONTINUATION and number <= frames.LARGEST, (
                f"frame {kind} of stream {number} written"
            )
            stop = self._read + 9 + length
            assert stop <= len(written), "half a frame written"
            if kind == frames.GOAWAY:
                self.goodbye = int.from_bytes(written[self._read + 13 : self._read + 17], "big")
                assert self.goodbye != frames.INTERNAL_ERROR, "an internal error"
            self._read = stop
        if len(written) > 1 << 20:
            del written[: self._read]
            self._read = 0

    async def _another_call(self) -> None:
        """A connection that goes on answers a ping, if the peer does not say half a frame before."""
        connection: Any = self.connection
        if connection._rest or connection._block is not None or not connection.is_open or connection._over:
            return
        if connection.paused:
            connection.resume_writing()
        begin = len(self._pipe.written)
        self._feed(frames.ping(b"goes on!"))
        await asyncio.sleep(0)
        assert self._pipe.closed or b"goes on!" in self._pipe.written[begin:], "no answer to a ping"

    async def _end(self) -> None:
        over = self._pipe.closed
        self._pipe.closed = True
        self.connection.connection_lost(None)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not self.connection.streams, f"{len(self.connection.streams)} streams after the end"
        assert self._budget.taken == 0, f"{self._budget.taken} bytes of the budget after the end"
        for task in self._calls:
            if not task.done():
                task.cancel()
                assert not over or not self._server, "a call that nobody ends"


async def fuzz(wanted: int, seed: int) -> tuple[int, int, dict[str, int]]:
    """Runs cases until so many frames were made; returns frames, connections, and how these ended.

    Raises:
        AssertionError: A case failed; its seed is in the text.
    """
    loop = asyncio.get_running_loop()
    escaped: list[str] = []
    loop.set_exception_handler(lambda _, context: escaped.append(repr(context.get("exception") or context)))
    errors = Errors()
    logging.getLogger("serving").addHandler(errors)
    logging.getLogger("serving").propagate = False
    made = count = 0
    ends: dict[str, int] = {}
    while made < wanted:
        case = Case(seed + count, loop)
        try:
            await case.run()
            assert not escaped and not errors.seen, (escaped + errors.seen)[0]
        except Exception as error:
            raise AssertionError(f"seed {seed + count}: {type(error).__name__} {error}") from error
        made, count = made + case.peer.frames, count + 1
        end = "went on" if case.goodbye is None else f"GOAWAY {case.goodbye}"
        ends[end] = ends.get(end, 0) + 1
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*left, return_exceptions=True)
    return made, count, ends


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        made, count, ends = asyncio.run(fuzz(given.frames, given.seed))
    except AssertionError as error:
        print(f"found: {error}", file=sys.stderr)
        return 1
    print(f"{made:,} frames on {count:,} connections in {time.monotonic() - began:.0f} s: nothing found")
    print(", ".join(f"{name}: {number:,}" for name, number in sorted(ends.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
