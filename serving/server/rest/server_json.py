"""Status and metadata as JSON, laid out like TF Serving's protobuf printer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.server.models.manager import VersionStatus


def model_status(statuses: Sequence[VersionStatus]) -> bytes:
    """Returns the body of a model's status."""
    entries = [
        {
            "version": str(status.version),
            "state": status.state.name,
            "status": {"error_code": status.code.name, "error_message": status.message},
        }
        for status in statuses
    ]
    return (json.dumps({"model_version_status": entries}, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "replace"
    )


def model_metadata(name: str, version: int, signature_defs: bytes) -> bytes:
    """Returns the body of a model's metadata.

    Args:
        name: The model's name.
        version: The requested version, or the newest.
        signature_defs: Its serialized ``SignatureDefMap``.
    """
    spec = json.dumps(
        {"name": name, "signature_name": "", "version": str(version)}, indent=1, ensure_ascii=False
    )
    return f'{{\n"model_spec":{spec}\n,\n"metadata": {{"signature_def": {_signatures(signature_defs)}\n}}\n}}\n'.encode()


@lru_cache(maxsize=64)
def _signatures(signature_defs: bytes) -> str:
    from google.protobuf import json_format
    from tensorflow_serving.apis import get_model_metadata_pb2

    message = get_model_metadata_pb2.SignatureDefMap.FromString(signature_defs)
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        indent=1,
        sort_keys=True,
        ensure_ascii=False,
    )
