"""Commands to paste that call a served model over REST and gRPC."""

from __future__ import annotations

import base64
import json
import shlex
import sys
from typing import Any
from urllib.parse import quote

from foundation.saved_model import DEFAULT_SIGNATURE
from serving.engines.engine import Wanted
from serving.engines.sample import Sample, is_missing


def client_host(wanted: Wanted) -> str:
    """Returns the address at which this machine reaches the server."""
    host = "127.0.0.1" if wanted.everywhere else wanted.host
    return f"[{host}]" if ":" in host else host


def curl(wanted: Wanted, sample: Sample) -> str:
    """Returns the REST request as a curl command."""
    row = {name: _json_value(value, sample.signature) for name, value in sample.row.items()}
    body: dict[str, Any] = (
        {} if sample.signature == DEFAULT_SIGNATURE else {"signature_name": sample.signature}
    )
    body["instances"] = [row if len(row) > 1 else next(iter(row.values()), None)]
    url = f"http://{client_host(wanted)}:{wanted.rest_port}/v1/models/{quote(wanted.name, safe='')}:predict"
    return f"curl -s -d {shlex.quote(json.dumps(body, ensure_ascii=False))} {shlex.quote(url)}"


def grpc(wanted: Wanted, sample: Sample) -> str:
    """Returns the gRPC request as a Python command with Penstock's client; missing values are omitted."""
    kept = {name: value for name, value in sample.row.items() if not (sample.real and is_missing(value))}
    row = ", ".join(f"{_text(name)}: {_literal(value)}" for name, value in kept.items())
    signature = "" if sample.signature == DEFAULT_SIGNATURE else f", signature={_text(sample.signature)}"
    address = f"grpc://{client_host(wanted)}:{wanted.port}"
    code = (
        f"from serving.client import Client; "
        f"print(Client({_text(address)}).predict({_text(wanted.name)}, [{{{row}}}]{signature}))"
    )
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def _json_value(value: Any, signature: str) -> Any:
    if isinstance(value, list):
        return [_json_value(item, signature) for item in value]
    if isinstance(value, bytes):
        try:
            if signature == DEFAULT_SIGNATURE:  # a serialized example may look like text but is not
                return value.decode()
        except UnicodeDecodeError:
            pass
        return {"b64": base64.b64encode(value).decode()}
    return value


def _literal(value: Any) -> str:
    """Returns a value as a Python literal in double quotes, which fits inside a shell's single quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, bytes):
        try:
            return _text(value.decode())
        except UnicodeDecodeError:
            return repr(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
