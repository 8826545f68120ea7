"""Reading and merging ``model_spec`` agrees with protobuf itself, for messages in any order and any number of parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.contract import Target
from serving.experiments.plane.model_spec import (
    MULTI_INFERENCE,
    Spec,
    UnreadableError,
    answered_version,
    merged,
    read,
)
from serving.wire import client_pb2

VERSIONS = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(max_size=20)
TARGETS = st.one_of(
    st.builds(Target, st.text(min_size=1, max_size=20), VERSIONS),
    st.builds(Target, st.text(min_size=1, max_size=20), st.none(), NAMES),
)
UNKNOWN = st.sampled_from(
    [b"", b"\xa0\x06\x07", b"\xa1\x06" + b"12345678", b"\xa5\x06" + b"1234", b"\xa2\x06\x02hi"]
)
"""Field 100 in each wire type: later versions of the protocol may have more fields."""


def official() -> Any:
    """The messages of tensorflow-serving-api."""
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        model_pb2,
        predict_pb2,
        regression_pb2,
    )

    class Messages:
        """What the wire is compared with."""

        ModelSpec = model_pb2.ModelSpec
        PredictRequest = predict_pb2.PredictRequest
        ClassificationRequest = classification_pb2.ClassificationRequest
        RegressionRequest = regression_pb2.RegressionRequest
        GetModelMetadataRequest = get_model_metadata_pb2.GetModelMetadataRequest
        GetModelStatusRequest = get_model_status_pb2.GetModelStatusRequest
        MultiInferenceRequest = inference_pb2.MultiInferenceRequest

    return Messages


@pytest.fixture(scope="module")
def messages() -> Any:
    """TF Serving's own messages, which load TensorFlow."""
    return official()


def _spec(messages: Any, name: str, version: int | None, label: str | None, signature: str) -> Any:
    found = messages.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        found.version.value = version
    if label is not None:
        found.version_label = label
    return found


SPECS = st.tuples(NAMES, st.none() | VERSIONS, st.none() | NAMES, NAMES)
REQUESTS = st.sampled_from(
    [
        "PredictRequest",
        "ClassificationRequest",
        "RegressionRequest",
        "GetModelMetadataRequest",
        "GetModelStatusRequest",
    ]
)


def _seen(spec: Any) -> Spec:
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    return Spec(spec.name, version, spec.version_label if kind == "version_label" else None)


def _rest(name: str) -> st.SearchStrategy[bytes]:
    """Serialized pieces of everything but the ``model_spec``."""
    plain = (
        [b"\x12\x03abc", b"\x12\x00", b"\x1a\x02xy"] if name == "GetModelMetadataRequest" else [b"\x12\x00"]
    )
    if name == "PredictRequest":
        plain = [b"\x12\x07\x0a\x01x\x12\x02\x08\x01", b"\x1a\x01y", b"\x12\x05\x0a\x01\x7a\x12\x00"]
    return st.lists(st.sampled_from(plain) | UNKNOWN, max_size=4).map(b"".join)


@pytest.mark.component
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_requests_in_any_number_of_parts(messages: Any, data: st.DataObject) -> None:
    name = data.draw(REQUESTS)
    kind = getattr(messages, name)
    parts = data.draw(st.lists(SPECS, max_size=3))
    packed = data.draw(_rest(name))
    for part in parts:
        packed += kind(model_spec=_spec(messages, *part)).SerializeToString() + data.draw(_rest(name))
    whole = kind.FromString(packed)
    spec = read("predict", packed)
    assert spec == _seen(whole.model_spec)
    target = data.draw(TARGETS)
    if not spec.chosen:
        _targeted(whole.model_spec, target)
        assert kind.FromString(merged("predict", packed, target)) == whole


def _targeted(spec: Any, target: Target) -> None:
    spec.name = target.model
    if target.version is not None:
        spec.version.SetInParent()
        spec.version.value = target.version
    elif target.label:
        spec.version_label = target.label


@pytest.mark.component
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_multi_inference_in_any_order(messages: Any, data: st.DataObject) -> None:
    kind = messages.MultiInferenceRequest
    name = data.draw(NAMES)
    packed = b""
    for _ in range(data.draw(st.integers(0, 3))):
        _, version, label, signature = data.draw(SPECS)
        one = kind()
        task = one.tasks.add(method_name=data.draw(NAMES))
        task.model_spec.CopyFrom(_spec(messages, name, version, label, signature))
        packed += one.SerializeToString() + data.draw(st.sampled_from([b"", b"\x12\x00"]) | UNKNOWN)
    whole = kind.FromString(packed)
    spec = read(MULTI_INFERENCE, packed)
    seen = [_seen(task.model_spec) for task in whole.tasks]
    assert spec.name == (name if seen else "")
    assert spec.chosen == any(one.chosen for one in seen)
    target = data.draw(TARGETS)
    if not spec.chosen:
        for task in whole.tasks:
            _targeted(task.model_spec, target)
        assert kind.FromString(merged(MULTI_INFERENCE, packed, target)) == whole


def test_tasks_for_different_models_are_the_backends_to_refuse() -> None:
    request = client_pb2.MultiInferenceRequest()
    for name in ("a", "b"):
        request.tasks.add().model_spec.name = name
    with pytest.raises(UnreadableError, match="different"):
        read(MULTI_INFERENCE, request.SerializeToString())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_called_unreadable(junk: bytes) -> None:
    for method in ("predict", MULTI_INFERENCE):
        try:
            read(method, junk)
        except UnreadableError:
            continue
        answered_version(method, junk)


def test_a_message_of_very_many_fields_is_not_looked_through() -> None:
    with pytest.raises(UnreadableError, match="too many"):
        read("predict", b"\x12\x00" * 5000)


def test_the_answers_version_is_read() -> None:
    answer = client_pb2.PredictResponse()
    assert answered_version("predict", answer.SerializeToString()) is None
    answer.model_spec.version.value = 7
    answer.outputs["y"].dtype = 1
    assert answered_version("predict", answer.SerializeToString()) == 7
    multi = client_pb2.MultiInferenceResponse()
    multi.results.add().model_spec.version.value = 8
    assert answered_version(MULTI_INFERENCE, multi.SerializeToString()) == 8
