"""Fuzzes the parsers of REST bodies and paths with atheris (by coverage); any error but a ServingError stops it.

uv venv -p 3.11 /tmp/atheris && uv pip install -p /tmp/atheris atheris numpy orjson
/tmp/atheris/bin/python benchmarks/serving/fuzz_parser.py -max_total_time=60
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["serving"]):
    from serving.server.engine.signature import Signature, TensorInfo
    from serving.server.rest import example_request, inflate, paths, predict_request
    from serving.server.status import ServingError

DTYPES = {"f": 1, "d": 2, "i": 3, "u8": 4, "s": 7, "i64": 9, "b": 10, "half": 19, "u64": 23}


def _signature(**dtypes: int) -> Signature:
    return Signature("s", "", {n: TensorInfo(n, f"{n}:0", dtype, None) for n, dtype in dtypes.items()}, {})


ONE, TEXT, MANY = _signature(x=1), _signature(s=7), _signature(**DTYPES)


def one_input(data: bytes) -> None:
    """Parses the input as everything that comes over the wire."""
    try:
        document = predict_request.parse_object(data)
    except ServingError:
        document = None
    if document is not None:
        for read in (
            lambda: predict_request.signature_name(document),
            lambda: predict_request.inputs(document, ONE),
            lambda: predict_request.inputs(document, TEXT),
            lambda: predict_request.inputs(document, MANY),
            lambda: example_request.examples(document),
        ):
            try:
                read()
            except ServingError:
                continue
    for method in ("GET", "POST"):
        try:
            paths.route(method, "/v1/" + data.decode("latin-1"))
        except ServingError:
            continue
    inflate.inflated(data)


atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
