"""The JSON Schema accepts and refuses the same documents as the reader, short forms included."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from foundation.document.reader import read_text
from foundation.errors import SpecError
from serving.deploy.json_schema import document_schema
from serving.deploy.reader import parse_document

jsonschema = pytest.importorskip("jsonschema")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "deploy.md"


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = document_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(validator: Any, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(read_text(text, "f").plain())]


def test_every_key_is_described() -> None:
    schema = document_schema()
    for name, model in {"document": schema, **schema["$defs"]}.items():
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"


def test_the_document_of_the_page_is_valid(validator: Any) -> None:
    shown = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    assert errors(validator, shown[1]) == []


@pytest.mark.parametrize(
    "text",
    [
        "models: {m: }",
        "models: {m: {versions: all}, n: {versions: [3, 5]}, o: {versions: {latest: 2}}}",
        "models: {m: {labels: {stable: 3}}}",
        "models: {m: {}}\nbatching: true\nmonitoring: \ntls: {}\ncompose: true",
        "models: {m: {}}\nresources: {cpu: 2, memory: 1Gi, cpu_limit: 2.5}",
        "models: {m: {}}\nflags: {rest_api_num_threads: 4, saved_model_tags: serve}",
        "models: {m: {}}\nkubernetes: {storage: {claim: c, create: true, size: 5}}",
    ],
)
def test_what_the_reader_accepts_is_valid(validator: Any, text: str) -> None:
    parse_document(f"name: a\n{text}", "serving.yaml")
    assert errors(validator, f"name: a\n{text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "model: {m: {}}",
        "models: {}",
        "models: {m: {versions: []}}",
        "models: {m: {versions: some}}",
        "models: {m: {version: 3}}",
        "models: {m: {}}\ngrpc_port: 0",
        "models: {m: {}}\nexecutable: server",
        "models: {m: {}}\nresources: {memory: lots}",
        "models: {m: {}}\nkubernetes: {storage: {}}",
    ],
)
def test_what_the_reader_refuses_is_invalid(validator: Any, text: str) -> None:
    with pytest.raises(SpecError):
        parse_document(f"name: a\n{text}", "serving.yaml")
    assert errors(validator, f"name: a\n{text}")
