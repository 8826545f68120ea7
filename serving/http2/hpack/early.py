"""Reads the blocks that a peer writes before it knows that we keep no table, and writes them again without one."""

from __future__ import annotations

from typing import Any

from serving.http2.hpack.read import HeaderBlockError
from serving.http2.hpack.write import field


class EarlyDecoder:
    """A decoder with a dynamic table, by the ``hpack`` library.

    Args:
        largest: How large the fields of a block may be together.
    """

    def __init__(self, largest: int) -> None:
        from hpack import Decoder

        self._decoder = Decoder(max_header_list_size=largest)

    def stateless(self, block: bytes) -> bytes:
        """Returns the block with every field as a literal.

        Raises:
            HeaderBlockError: It is malformed or too large.
        """
        from hpack import HPACKError, NeverIndexedHeaderTuple

        try:
            entries: Any = self._decoder.decode(block, raw=True)
        except (HPACKError, IndexError, ValueError) as error:
            raise HeaderBlockError(str(error) or "it is malformed") from error
        return b"".join(
            [
                field(entry[0], entry[1], never_indexed=isinstance(entry, NeverIndexedHeaderTuple))
                for entry in entries
            ]
        )
