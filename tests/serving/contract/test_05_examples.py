"""Contract, sections 5.4 and 5.5: Classify, Regress and MultiInference by gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.clients import SECONDS, example, fill_examples, refused, spec
from tests.serving.graphs import CLASSIFY, PREDICT, REGRESS

if TYPE_CHECKING:
    from tests.serving.clients import GrpcClient

pytestmark = pytest.mark.integration


def _classes(response: Any) -> list[list[tuple[str, float]]]:
    return [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]


# 5.4 Classify


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        pytest.param(
            "classify", [[("low", 1.0), ("high", 2.0)], [("low", 3.0), ("high", 6.0)]], id="5.4: both"
        ),
        pytest.param(
            "classify_by_predict",
            [[("low", 1.0), ("high", 2.0)], [("low", 3.0), ("high", 6.0)]],
            id="5.4: method_name predict, as TF2 writes it",
        ),
        pytest.param("classes_only", [[("low", 0.0), ("high", 0.0)]] * 2, id="5.4: absent scores are 0"),
        pytest.param(
            "scores_only", [[("", 1.0), ("", 2.0)], [("", 3.0), ("", 6.0)]], id="5.4: absent labels"
        ),
    ],
)
def test_classify(client: GrpcClient, signature: str, expected: list[list[tuple[str, float]]]) -> None:
    response = client.classify(spec("examples", signature=signature), [example(x=1.0), example(x=3.0)])
    assert _classes(response) == expected


@pytest.mark.parametrize(
    "signature",
    [
        "classify_misnamed",
        "classify_three",
        "classify_integers",
        "classify_flat",
        "classify_uneven",
        "classify_short",
        "input_misnamed",
        "two_inputs",
        "regress",
    ],
    ids="5.4: {}".format,
)
def test_classify_refuses_signatures(client: GrpcClient, signature: str) -> None:
    with refused("INVALID_ARGUMENT"):
        client.classify(spec("examples", signature=signature), [example(x=1.0), example(x=3.0)])


# 5.4 Regress


@pytest.mark.parametrize(
    "signature", ["regress", "regress_column", "regress_by_predict", ""], ids="5.4: regress by '{}'".format
)
def test_regress(client: GrpcClient, signature: str) -> None:
    response = client.regress(spec("examples", signature=signature), [example(x=1.0), example(x=3.0)])
    assert [r.value for r in response.result.regressions] == [2.5, 3.5]


@pytest.mark.parametrize(
    "signature",
    [
        "regress_misnamed",
        "regress_two",
        "regress_wide",
        "regress_integers",
        "regress_short",
        "input_misnamed",
        "two_inputs",
        "classify",
    ],
    ids="5.4: {}".format,
)
def test_regress_refuses_signatures(client: GrpcClient, signature: str) -> None:
    with refused("INVALID_ARGUMENT"):
        client.regress(spec("examples", signature=signature), [example(x=1.0), example(x=3.0)])


# 5.4 Both


@pytest.mark.parametrize("call", ["classify", "regress"], ids="5.4: {}".format)
def test_an_unknown_signature(client: GrpcClient, call: str) -> None:
    with refused("INVALID_ARGUMENT", "No signature was found with the name: S"):
        getattr(client, call)(spec("examples", signature="S"), [example(x=1.0)])


@pytest.mark.parametrize("call", ["classify", "regress"], ids="5.4: {}".format)
def test_empty_input(client: GrpcClient, call: str) -> None:
    with refused("INVALID_ARGUMENT", "Input is empty."):
        getattr(client, call)(spec("examples", signature=call), [])


def test_5_4_input_that_is_not_set_at_all(client: GrpcClient) -> None:
    from tensorflow_serving.apis.classification_pb2 import ClassificationRequest

    with refused("INVALID_ARGUMENT", "Input is empty."):
        client.prediction.Classify(
            ClassificationRequest(model_spec=spec("examples", signature="classify")), timeout=SECONDS
        )


def test_5_4_context_and_example_are_merged(client: GrpcClient) -> None:
    """``s`` comes from the context where an example has none; a feature of both is the example's."""
    target = spec("examples", signature="echo")
    response = client.classify(target, [example(x=1.0), example(x=2.0, s="own")], example(s="shared", x=9.0))
    assert _classes(response) == [[("shared", 1.0)], [("own", 2.0)]]
    value = client.regress(spec("examples", signature="regress"), [example(x=1.0)], example(n=4))
    assert value.result.regressions[0].value == 4.5


# 5.5 MultiInference


def _multi(client: GrpcClient, *tasks: tuple[str, str], names: tuple[str, ...] = (), **model: Any) -> Any:
    from tensorflow_serving.apis.inference_pb2 import InferenceTask, MultiInferenceRequest

    request = fill_examples(MultiInferenceRequest(), [example(x=1.0), example(x=3.0)])
    for number, (signature, method) in enumerate(tasks):
        name = names[number] if names else "examples"
        fields = model if number == 0 else {}
        request.tasks.append(
            InferenceTask(model_spec=spec(name, signature=signature, **fields), method_name=method)
        )
    return client.prediction.MultiInference(request, timeout=SECONDS)


def test_5_5_results_come_in_the_order_of_the_tasks(client: GrpcClient) -> None:
    response = _multi(client, ("regress", REGRESS), ("classify", CLASSIFY), ("scores_only", CLASSIFY))
    first, second, third = response.results
    assert [r.value for r in first.regression_result.regressions] == [2.5, 3.5]
    assert [c.label for c in second.classification_result.classifications[0].classes] == ["low", "high"]
    assert [c.score for c in third.classification_result.classifications[1].classes] == [3.0, 6.0]
    assert [r.model_spec for r in response.results] == [
        spec("examples", version=1, signature=signature)
        for signature in ("regress", "classify", "scores_only")
    ]


def test_5_5_each_signature_of_a_tf2_model_has_an_input_of_its_own(client: GrpcClient) -> None:
    tasks = (("regress", REGRESS), ("classify", CLASSIFY))
    response = _multi(client, *tasks, names=("tf2_examples", "tf2_examples"))
    first, second = response.results
    assert [r.value for r in first.regression_result.regressions] == [2.0, 4.0]
    scores = [[c.score for c in row.classes] for row in second.classification_result.classifications]
    assert scores == [[1.0, 2.0], [3.0, 6.0]]


@pytest.mark.parametrize(
    ("tasks", "names", "code"),
    [
        pytest.param([], (), "INVALID_ARGUMENT", id="5.5: no tasks"),
        pytest.param(
            [("regress", REGRESS), ("classify", CLASSIFY)],
            ("examples", "types"),
            "INVALID_ARGUMENT",
            id="5.5: two models",
        ),
        pytest.param(
            [("regress", REGRESS), ("regress", REGRESS)], (), "INVALID_ARGUMENT", id="5.5: a signature twice"
        ),
        pytest.param([("predict", PREDICT)], (), "UNIMPLEMENTED", id="5.5: method_name predict"),
        pytest.param([("regress", "")], (), "UNIMPLEMENTED", id="5.5: no method_name"),
        pytest.param([("S", REGRESS)], (), "INVALID_ARGUMENT", id="5.5: signature unknown"),
    ],
)
def test_multi_inference_refuses(
    client: GrpcClient, tasks: list[tuple[str, str]], names: tuple[str, ...], code: str
) -> None:
    with refused(code):
        _multi(client, *tasks, names=names)


def test_5_5_the_first_task_selects_the_version(client: GrpcClient) -> None:
    response = _multi(client, ("regress", REGRESS), ("classify", CLASSIFY), version=1)
    assert [r.model_spec.version.value for r in response.results] == [1, 1]
    with refused("NOT_FOUND", "Servable not found for request: Specific(examples, 8)"):
        _multi(client, ("regress", REGRESS), version=8)


def test_5_5_empty_input(client: GrpcClient) -> None:
    from tensorflow_serving.apis.inference_pb2 import InferenceTask, MultiInferenceRequest

    request = MultiInferenceRequest()
    request.tasks.append(InferenceTask(model_spec=spec("examples", signature="regress"), method_name=REGRESS))
    with refused("INVALID_ARGUMENT", "Input is empty."):
        client.prediction.MultiInference(request, timeout=SECONDS)
