"""Any document becomes files that can be read back, or an error with a position."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import SpecError
from serving.deploy.document import DeployDocument
from serving.deploy.generate import generate
from serving.deploy.reader import parse_document

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**64),
    st.floats(),
    st.sampled_from(
        ["all", "a", "a-b", "1Gi", "500m", "/models/m", "gs://b/m", "", "no", "m\n", 'q"\\', "é"]
    ),
    st.text(max_size=6),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def section(*names: str) -> Any:
    return st.dictionaries(st.sampled_from(names), VALUES, max_size=3) | VALUES


MODEL = section("base_path", "versions", "labels")
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": st.just("a") | VALUES,
        "models": st.dictionaries(st.text(max_size=5), MODEL, max_size=2) | VALUES,
    },
    optional={
        "batching": section("max_batch_size", "allowed_batch_sizes", "pad_variable_length_inputs"),
        "monitoring": section("path"),
        "tls": section("client_verify", "folder", "secret"),
        "flags": section("rest_api_timeout_in_ms", "saved_model_tags", "port"),
        "resources": section("cpu", "memory", "cpu_limit", "memory_limit"),
        "compose": section("models_folder", "bind"),
        "kubernetes": section("namespace", "replicas", "storage", "autoscale"),
        "image": VALUES,
        "x": VALUES,
    },
)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_a_document_becomes_files_or_an_error_with_its_place(document: dict[str, Any]) -> None:
    try:
        read = parse_document(yaml.safe_dump(document, allow_unicode=True), "serving.yaml")
    except SpecError as error:
        assert all(line.startswith("serving.yaml") for line in str(error).splitlines())
        return
    assert isinstance(read, DeployDocument)
    assert "config/models.config" in generate(read)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:{}[]-,\n \"'&*!|>%@#", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_document(text, "serving.yaml")
    except SpecError as error:
        assert str(error).startswith("serving.yaml")
