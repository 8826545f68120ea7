"""The changed class of Beam: what becomes of its one call, and what is refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from foundation.errors import StorageError
from pipeline.engines.portable.loopback import CLASS, on_loopback, write_jar

BUILDER = "vendored/io/grpc/netty/NettyServerBuilder"
TEXTS = ("java/net/InetSocketAddress", "getPort", "()I", BUILDER, "forPort", f"(I)L{BUILDER};")
PORT_OF, START = 11, 12
CALLS = struct.pack(">BHBH", 0xB6, PORT_OF, 0xB8, START)


def constant(kind: int, *numbers: int) -> bytes:
    return struct.pack(">B" + "H" * len(numbers), kind, *numbers)


def beams(code: bytes = b"\x2a" + CALLS + b"\xb0") -> bytes:
    """Returns a class with the constants of Beam's, a long one among them, and some code."""
    texts = [constant(1, len(text)) + text.encode() for text in TEXTS]  # 1 to 6
    classes = [constant(7, 1), constant(7, 4)]
    names = [constant(12, 2, 3), constant(12, 5, 6)]
    methods = [constant(10, 7, 9), constant(10, 8, 10)]
    long = struct.pack(">Bq", 5, 20)  # it takes 13 and 14
    head = struct.pack(">IIH", 0xCAFEBABE, 52, 15)
    return head + b"".join([*texts, *classes, *names, *methods, long]) + code


def test_the_address_is_handed_over_in_place_of_its_port() -> None:
    changed = on_loopback(beams())
    assert changed.endswith(b"\x2a\x00\x00\x00\xb8" + struct.pack(">H", START) + b"\xb0")
    assert struct.unpack_from(">H", changed, 8) == (18,)
    assert constant(10, 8, 17) in changed
    assert changed.count(f"(Ljava/net/SocketAddress;)L{BUILDER};".encode()) == 1
    assert constant(12, 15, 16) in changed


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(beams(b"\xb0"), id="not called"),
        pytest.param(beams(CALLS + CALLS), id="called twice"),
        pytest.param(beams().replace(b"forPort", b"another"), id="no such method"),
    ],
)
def test_a_class_that_does_otherwise_is_refused(original: bytes) -> None:
    with pytest.raises(
        StorageError, match=r"NettyServerBuilder.*remedy: use the job server of another version"
    ):
        on_loopback(original)


def test_the_class_is_found_in_whichever_jar_has_it(tmp_path: Path) -> None:
    jars = [tmp_path / name for name in ("one.jar", "two.jar")]
    for jar, name in zip(jars, ("other.class", CLASS), strict=True):
        with zipfile.ZipFile(jar, "w") as made:
            made.writestr(name, beams())
    write_jar(jars, tmp_path / "front.jar")
    with zipfile.ZipFile(tmp_path / "front.jar") as front:
        assert front.namelist() == [CLASS]
        assert front.read(CLASS) == on_loopback(beams())
    with pytest.raises(StorageError, match="no such class"):
        write_jar(jars[:1], tmp_path / "none.jar")


def test_a_jar_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jar").write_bytes(b"not a jar")
    with pytest.raises(StorageError, match=r"broken\.jar"):
        write_jar([tmp_path / "broken.jar"], tmp_path / "front.jar")
