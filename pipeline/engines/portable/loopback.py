"""Has Beam's Java servers listen on this machine alone.

Beam's ``ServerFactory`` starts each of them with ``NettyServerBuilder.forPort(address.getPort())``: on every network
interface, whatever the address, and no option changes it. The one class that does so is copied from the job server's own
jars, with ``NettyServerBuilder.forAddress(address)`` in its place, for a jar in front of the class path. Its byte code is
changed, rather than its source compiled, so that a Java without a compiler is enough, and a job server given by hand, of
another version of Beam, is served as well.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

from foundation.errors import StorageError

CLASS = "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class"
_PORT_OF = (b"java/net/InetSocketAddress", b"getPort")
_START = (b"io/grpc/netty/NettyServerBuilder", b"forPort")
_BOUND, _ADDRESS = b"forAddress", b"(Ljava/net/SocketAddress;)L%s;"

# Constants and instructions: chapters 4.4 and 6 of the Java Virtual Machine Specification.
_TEXT, _METHOD, _NAME_AND_TYPE = 1, 10, 12
_SIZES = {
    3: 5,
    4: 5,
    5: 9,
    6: 9,
    7: 3,
    8: 3,
    9: 5,
    10: 5,
    11: 5,
    12: 5,
    15: 4,
    16: 3,
    17: 5,
    18: 5,
    19: 3,
    20: 3,
}
"""Bytes of a constant by its kind; a text has its own length."""
_DOUBLE = (5, 6)
"""Kinds of constants that take two numbers."""
_HEAD = 10
"""Bytes in front of the constants."""
_INVOKE_VIRTUAL, _INVOKE_STATIC, _NOP = 0xB6, 0xB8, b"\x00"


def write_jar(jars: Iterable[Path], file: Path) -> None:
    """Writes a jar for the front of a job server's class path.

    Args:
        jars: The jars of the job server.
        file: The jar to write.

    Raises:
        StorageError: A jar cannot be read, none has the class, or it starts servers in another way.
    """
    changed = on_loopback(_original(jars))
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(CLASS, changed)


def _original(jars: Iterable[Path]) -> bytes:
    for jar in jars:
        try:
            with zipfile.ZipFile(jar) as opened:
                if CLASS in opened.namelist():
                    return opened.read(CLASS)
        except (OSError, zipfile.BadZipFile) as error:
            raise _unknown(f"{jar}: {error}") from error
    raise _unknown("no such class")


def on_loopback(original: bytes) -> bytes:
    """Returns the class that binds its servers to the address that it is given.

    Args:
        original: The class as Beam has it.

    Raises:
        StorageError: It starts servers in another way.
    """
    constants = _constants(original)
    code = original[_HEAD + sum(map(len, constants)) :]
    port_of, start = _method(constants, *_PORT_OF), _method(constants, *_START)
    calls = struct.pack(">BHBH", _INVOKE_VIRTUAL, port_of, _INVOKE_STATIC, start)
    if code.count(calls) != 1:
        raise _unknown("forPort called in another way")
    (builder,) = struct.unpack_from(">H", constants[start], 1)
    name = len(constants)
    address = _ADDRESS % _class_name(constants, builder)
    constants[start] = struct.pack(">BHH", _METHOD, builder, name + 2)
    constants += [_text(_BOUND), _text(address), struct.pack(">BHH", _NAME_AND_TYPE, name, name + 1)]
    head = original[: _HEAD - 2] + struct.pack(">H", len(constants))
    # The address stays where its port would have been.
    return head + b"".join(constants) + code.replace(calls, 3 * _NOP + calls[3:])


def _constants(code: bytes) -> list[bytes]:
    """Returns the constants of a class by number; a number that has none is empty."""
    (count,) = struct.unpack_from(">H", code, _HEAD - 2)
    found, at = [b""], _HEAD
    while len(found) < count:
        kind = code[at]
        size = 3 + struct.unpack_from(">H", code, at + 1)[0] if kind == _TEXT else _SIZES[kind]
        found += [code[at : at + size], *([b""] if kind in _DOUBLE else [])]
        at += size
    return found


def _method(constants: list[bytes], owner: bytes, name: bytes) -> int:
    """Returns the number of the constant that names a method of a class, which may be in any package."""
    for number, constant in enumerate(constants):
        if constant[:1] == bytes([_METHOD]):
            of, named = struct.unpack_from(">HH", constant, 1)
            (text,) = struct.unpack_from(">H", constants[named], 1)
            if constants[text][3:] == name and _class_name(constants, of).endswith(owner):
                return number
    raise _unknown(f"no call of {owner.decode()}.{name.decode()}")


def _class_name(constants: list[bytes], number: int) -> bytes:
    (text,) = struct.unpack_from(">H", constants[number], 1)
    return constants[text][3:]


def _text(value: bytes) -> bytes:
    return struct.pack(">BH", _TEXT, len(value)) + value


def _unknown(seen: str) -> StorageError:
    return StorageError(
        f"Beam's job server: {CLASS}",
        expected="servers started by NettyServerBuilder.forPort, to have them listen on this machine alone",
        seen=seen,
        remedy="use the job server of another version of Beam, or start one yourself: "
        "run.beam_args: [--job_endpoint=host:port]",
    )
