"""Checks of requests, signatures and outputs, in TF Serving's words; without TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from serving.server.engine.signature import ModelSpec, Signature, TensorInfo
from serving.server.inference import examples, multi_inference, predict
from serving.server.inference.multi_inference import Task
from serving.server.inference.predict import CLASSIFY, REGRESS
from serving.server.status import Code, ServingError


def signature(key: str, inputs: str, outputs: str, method: str = "", defaults: Any = None) -> Signature:
    def infos(names: str) -> dict[str, TensorInfo]:
        return {name: TensorInfo(name, f"{name}:0", 1, None) for name in names.split()}

    return Signature(key, method, infos(inputs), infos(outputs), defaults or {})


SUM = signature("sum", "a b", "difference total")
SIGNATURES = {
    "sum": SUM,
    "classify": signature("classify", "inputs", "classes scores", CLASSIFY),
    "regress": signature("regress", "inputs", "outputs", REGRESS),
    "elsewhere": signature("elsewhere", "inputs", "outputs", "some/method"),
    "three": signature("three", "inputs", "classes more scores", CLASSIFY),
    "misnamed": signature("misnamed", "examples", "outputs", REGRESS),
}
ONE = np.zeros(1, np.float32)


def test_inputs_are_passed_unchanged() -> None:
    given = {"b": ONE, "a": ONE}
    assert predict.feeds(SUM, given) is given


def test_defaults_fill_in() -> None:
    with_default = signature("d", "a b", "y", defaults={"b": ONE + 5})
    assert predict.feeds(with_default, {"a": ONE})["b"].tolist() == [5]


def test_a_default_does_not_make_room_for_another_name() -> None:
    with_default = signature("d", "a b", "y", defaults={"b": ONE})
    with pytest.raises(
        ServingError, match=r"contains invalid name\. Used request inputs: a, request input: a,z"
    ):
        predict.feeds(with_default, {"a": ONE, "z": ONE})


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ("a", r"1!=2 len\(\{a\}\) != len\(\{a,b\}\)\. Sent extra: \{\}\. Missing but required: \{b\}\."),
        ("a b c", r"Sent extra: \{c\}\. Missing but required: \{\}\."),
        ("a c", "Signature input alias: b"),
    ],
)
def test_wrong_inputs(names: str, text: str) -> None:
    with pytest.raises(ServingError, match=text) as caught:
        predict.feeds(SUM, dict.fromkeys(names.split(), ONE))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_an_input_that_cannot_be_decoded() -> None:
    with pytest.raises(ServingError, match="tensor parsing error: a"):
        predict.feeds(
            SUM, {"a": "1", "b": "x"}, lambda text: np.array(int(text) // 0 if text == "x" else _no())
        )


def _no() -> int:
    raise ValueError("no number")


def test_output_filter() -> None:
    assert predict.outputs(SUM, ()) == ("difference", "total")
    assert predict.outputs(SUM, ["total", "difference"]) == ("difference", "total")
    with pytest.raises(ServingError, match="output tensor alias not found in signature: z"):
        predict.outputs(SUM, ["z"])
    with pytest.raises(ServingError, match="duplicate output tensor alias: total"):
        predict.outputs(SUM, ["total", "total"])


@pytest.mark.parametrize(
    ("name", "method", "text"),
    [
        ("nope", CLASSIFY, "No signature was found with the name: nope"),
        ("", REGRESS, "No signature was found with the name: serving_default"),
        ("sum", CLASSIFY, "Expected one input Tensor."),
        ("three", CLASSIFY, "Expected one or two output Tensors, found 3"),
        ("classify", REGRESS, "Expected one output Tensor."),
        ("misnamed", REGRESS, "No regression inputs found in SignatureDef"),
        ("regress", CLASSIFY, "at least one of"),
        ("elsewhere", REGRESS, "method_name to be tensorflow/serving/regress. Was: some/method"),
    ],
)
def test_signatures_that_do_not_fit(name: str, method: str, text: str) -> None:
    with pytest.raises(ServingError, match=text) as caught:
        examples.find_signature(SIGNATURES, name, method, check_method="method_name" in text)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_method_names_are_not_checked_by_default() -> None:
    found = examples.find_signature(SIGNATURES, "elsewhere", REGRESS, check_method=False)
    assert examples.wanted_outputs(found, REGRESS) == ("outputs",)


def test_classes_and_scores() -> None:
    classes, scores = np.array([[b"a", b"b"]], object), np.float32([[0.25, 0.75]])
    both = {"classes": classes, "scores": scores}
    assert examples.classifications(both, 1) == [[(b"a", 0.25), (b"b", 0.75)]]
    assert examples.classifications({"scores": scores}, 1) == [[(b"", 0.25), (b"", 0.75)]]
    assert examples.classifications({"classes": classes}, 1) == [[(b"a", 0), (b"b", 0)]]


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        (
            {"scores": np.zeros(2, np.float32)},
            r"Expected Tensor shape: \[batch_size num_classes\] but got \[2\]",
        ),
        ({"scores": np.zeros((2, 1), np.int64)}, "Expected scores Tensor of DT_FLOAT. Got: DT_INT64"),
        ({"scores": np.zeros((1, 1), np.float32)}, "Expected scores output batch size of 2. Got: 1"),
        ({"classes": np.zeros((2, 1), np.float32)}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        (
            {"classes": np.full((2, 1), b"", object), "scores": np.zeros((2, 2), np.float32)},
            r"Tensors class and score should match in dim_size\(1\). Got 1 vs. 2",
        ),
    ],
)
def test_outputs_that_are_not_a_classification(outputs: Any, text: str) -> None:
    with pytest.raises(ServingError, match=text):
        examples.classifications(outputs, 2)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (np.zeros((2, 2), np.float32), r"\[batch_size, 1\] but got \[2,2\]"),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2, np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_outputs_that_are_not_a_regression(output: np.ndarray, text: str) -> None:
    with pytest.raises(ServingError, match=text):
        examples.regressions(output, 2)


def test_regressions_of_one_column() -> None:
    assert examples.regressions(np.float32([[1], [2]]), 2) == [1, 2]


def test_no_examples() -> None:
    with pytest.raises(ServingError, match=r"Input is empty\."):
        examples.feed([])


def task(name: str, method: str, model: str = "m") -> Task:
    return Task(ModelSpec(model, signature_name=name), method)


def test_tasks_become_one_run() -> None:
    tasks = [task("regress", REGRESS), task("classify", CLASSIFY)]
    joined = multi_inference.prepare(SIGNATURES, tasks, check_method=True)
    assert list(joined.inputs) == ["inputs:0"]
    assert list(joined.outputs) == ["classes:0", "outputs:0", "scores:0"]
    values = {
        "outputs:0": np.float32([7]),
        "classes:0": np.array([[b"a"]], object),
        "scores:0": np.float32([[1]]),
    }
    regression, classification = multi_inference.finish(SIGNATURES, tasks, values, 1)
    assert regression.regressions == [7]
    assert classification.classifications == [[(b"a", 1)]]


def test_every_input_of_the_tasks_is_fed() -> None:
    own = TensorInfo("inputs", "own:0", 7, (-1,))
    signatures = {**SIGNATURES, "classify": replace(SIGNATURES["classify"], inputs={"inputs": own})}
    tasks = [task("regress", REGRESS), task("classify", CLASSIFY)]
    joined = multi_inference.prepare(signatures, tasks, check_method=False)
    assert {tensor: info.alias for tensor, info in joined.inputs.items()} == {
        "inputs:0": "inputs",
        "own:0": "inputs",
    }


@pytest.mark.parametrize(
    ("tasks", "code", "text"),
    [
        ([task("regress", REGRESS, "")], Code.INVALID_ARGUMENT, "empty model name"),
        (
            [task("regress", REGRESS), task("classify", CLASSIFY, "other")],
            Code.INVALID_ARGUMENT,
            "must access the same model name",
        ),
        (
            [task("regress", REGRESS), task("regress", REGRESS)],
            Code.INVALID_ARGUMENT,
            "Duplicate evaluation of signature: regress",
        ),
        (
            [task("nope", REGRESS)],
            Code.INVALID_ARGUMENT,
            "Requested signature not found in model graph: nope",
        ),
        ([task("sum", "some/method")], Code.UNIMPLEMENTED, "Unsupported signature method_name: some/method"),
    ],
    ids=["no name", "two models", "twice", "unknown", "method"],
)
def test_tasks_that_cannot_be_combined(tasks: list[Task], code: Code, text: str) -> None:
    with pytest.raises(ServingError, match=text) as caught:
        multi_inference.prepare(SIGNATURES, tasks, check_method=False)
    assert caught.value.code is code
