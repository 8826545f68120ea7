"""Commands to paste: rows from warm-up requests or made up, for curl and Python."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from serving.client.model import ModelMetadata, Signature, TensorInfo
from serving.engines.commands import curl, grpc
from serving.engines.engine import Wanted
from serving.engines.sample import Sample, made_sample, warmup_sample
from serving.wire.dtypes import DType
from tests.serving.engines.conftest import warmup_record, write_warmup

HERE = Wanted("learners", Path("/m"), "127.0.0.1", 8500, 8501)
ROWS = {
    "country": (DType.STRING, [b"it's \xc3\xbc", b"de"]),
    "age": (DType.FLOAT, [31.5, np.nan]),
    "lessons": (DType.INT64, [-(2**63), 4]),
    "topics": (DType.STRING, [[b"food", b""], [b"", b""]]),
}
NAMES = ("age", "country", "lessons", "topics")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    examples = warmup_record("serving_examples", examples=(DType.STRING, [b"\x0a\x00", b"x"]))
    write_warmup(tmp_path, examples, warmup_record("serving_default", **ROWS))
    found = warmup_sample(tmp_path)
    assert found is not None
    return found


def body_of(command: str) -> dict[str, object]:
    return json.loads(shlex.split(command)[3])


def code_of(command: str) -> ast.Call:
    """The call to predict in the Python code of the shell command."""
    statements = ast.parse(shlex.split(command)[2]).body
    call = statements[1].value.args[0]  # type: ignore[attr-defined]
    assert isinstance(call, ast.Call)
    return call


def test_the_row_is_the_first_of_the_default_signature(sample: Sample) -> None:
    assert (sample.signature, sample.real) == ("serving_default", True)
    assert sample.row["age"] == 31.5
    assert sample.row["topics"] == [b"food", b""]


def test_curl_gives_every_input_and_survives_the_shell(sample: Sample) -> None:
    command = curl(HERE, sample)
    assert shlex.split(command)[-1] == "http://127.0.0.1:8501/v1/models/learners:predict"
    row = {"age": 31.5, "country": "it's ü", "lessons": -(2**63), "topics": ["food", ""]}
    assert body_of(command) == {"instances": [row]}


def test_the_client_gets_only_the_values_present(sample: Sample) -> None:
    call = code_of(grpc(HERE, sample))
    assert [ast.literal_eval(a) for a in call.args] == [
        "learners",
        [{"age": 31.5, "country": "it's ü", "topics": ["food", ""]}],
    ]


def test_serialized_examples_are_base64(tmp_path: Path) -> None:
    write_warmup(tmp_path, warmup_record("serving_examples", examples=(DType.STRING, [b"\x0a\x00"])))
    found = warmup_sample(tmp_path)
    assert found is not None
    assert body_of(curl(HERE, found)) == {
        "signature_name": "serving_examples",
        "instances": [{"b64": "CgA="}],
    }
    assert [k.arg for k in code_of(grpc(HERE, found)).keywords] == ["signature"]


@pytest.mark.parametrize("content", [b"", b"\x05", bytes(40), b"\x09" + bytes(11) + b"\x32\x07\x0a\x05abcde"])
def test_a_broken_file_gives_no_row(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "tf_serving_warmup_requests").write_bytes(content)
    assert warmup_sample(tmp_path) is None


def test_without_requests_values_are_made_up(tmp_path: Path) -> None:
    assert warmup_sample(tmp_path) is None
    infos = {
        "x": TensorInfo("x", DType.FLOAT, (-1, 2)),
        "n": TensorInfo("n", DType.INT64, (-1,)),
        "t": TensorInfo("t", DType.STRING, (-1,)),
        "b": TensorInfo("b", DType.BOOL, None),
    }
    metadata = ModelMetadata("m", 1, {"serving_default": Signature("serving_default", "p", infos, {})})
    made = made_sample(metadata)
    assert made == Sample("serving_default", {"x": [1.0, 1.0], "n": 1, "t": "text", "b": True}, real=False)
    assert made_sample(ModelMetadata("m", 1, {})) is None


def test_a_name_is_quoted_in_the_address() -> None:
    wanted = Wanted("a b", Path("/m"), "::", 1, 2)
    assert "http://127.0.0.1:2/v1/models/a%20b:predict" in curl(
        wanted, Sample("serving_default", {"x": 1}, False)
    )
