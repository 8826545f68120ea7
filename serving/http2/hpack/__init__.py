"""Header compression (RFC 7541) without a dynamic table.

We announce SETTINGS_HEADER_TABLE_SIZE=0 to every peer and never index a field ourselves. So a header block needs no state
to be read: it may be cached, copied to another connection as it is, and extended by appending fields.
"""

from serving.http2.hpack.early import EarlyDecoder
from serving.http2.hpack.read import HeaderBlockError, fields, find
from serving.http2.hpack.write import block, field

__all__ = ["EarlyDecoder", "HeaderBlockError", "block", "field", "fields", "find"]
