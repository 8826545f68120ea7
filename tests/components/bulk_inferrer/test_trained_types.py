"""Documents to predict for are read in the types that were learnt, and predicted in those that the model reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.ingest import ingest
from components.mongo_example_gen.plan import as_trained, make_plan
from components.mongo_example_gen.reading import Request
from components.mongo_example_gen.result import Ingestion
from foundation.errors import DataError
from foundation.tfrecord import read_gz
from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args

pytestmark = pytest.mark.component

LEARNT = [
    {"_id": n, "y": n % 2, "price": n + 0.3, "code": str(n) if n % 3 else n, "size": n, "on": bool(n % 2), "prices": [n, 0.5]}
    for n in range(60)
]  # fmt: skip
KINDS = {
    "price": "float_list",
    "code": "bytes_list",
    "size": "int64_list",
    "on": "int64_list",
    "prices": "float_list",
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Reads an export to learn from, then one to predict for; returns feature → kind and values of each document."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tensorflow.core.example import example_pb2

    options = PipelineOptions(local_args(RunConfig(workers=1)))
    config = DataConfig.model_validate({"label": "y"})

    def examples(name: str, documents: list[Any], labelled: bool, kinds: dict[str, Any]) -> Path:
        (tmp_path / name).write_text("".join(json.dumps(one) + "\n" for one in documents))
        plan = as_trained(make_plan(config, dict.fromkeys(KINDS, FieldConfig()), labelled), kinds)
        output = tmp_path / f"{name}-examples"
        request = Request(config, plan, resolve(name, tmp_path), tmp_path, output)
        ingest(request, lambda: beam.Pipeline(options=options))
        return output

    def run(*asked: dict[str, Any]) -> list[dict[str, tuple[str, list[Any]]]]:
        learnt = Ingestion.read(examples("learnt.jsonl", LEARNT, True, {}))
        kinds = {field.feature: field.kinds for field in learnt.fields}
        output = examples("asked.jsonl", [{"_id": n, **one} for n, one in enumerate(asked)], False, kinds)
        records = [r for file in sorted((output / "Split-all").glob("*.gz")) for r in read_gz(file)]
        return [
            {
                name: (value.WhichOneof("kind"), list(getattr(value, value.WhichOneof("kind")).value))
                for name, value in example_pb2.Example.FromString(record).features.feature.items()
                if value.WhichOneof("kind") and name in KINDS
            }
            for record in records
        ]

    return run


def test_types_are_those_that_were_learnt(read: Callable[..., Any]) -> None:
    """Not those of the few documents to predict for: whole prices, codes that are numbers, numbers written as text."""
    (whole, text, none) = read(
        {"price": 5, "code": 7, "size": 3, "on": True, "prices": [1, 2]},
        {"price": "5", "code": "x", "size": "3", "on": 1, "prices": 4},
        {"price": None, "size": None, "prices": []},
    )
    assert {name: kind for name, (kind, _) in whole.items()} == KINDS
    assert (whole["price"][1], whole["code"][1], whole["prices"][1]) == ([5.0], [b"7"], [1.0, 2.0])
    assert {name: kind for name, (kind, values) in text.items() if values}.items() <= KINDS.items()
    assert (text["price"][1], text["size"][1], text["prices"][1]) == ([5.0], [3], [4.0])
    assert all(not values for _, values in none.values())


def test_a_field_without_any_value_keeps_its_type(read: Callable[..., Any]) -> None:
    (one,) = read({"price": 1, "size": None})
    assert one["price"] == ("float_list", [1.0])


def test_a_model_that_learnt_other_types_gets_them(
    trained: SimpleNamespace, learners: SimpleNamespace
) -> None:
    """An earlier blessed model reads floats where this run's export has whole numbers, and the reverse."""
    from tensorflow.core.example import example_pb2

    from components.bulk_inferrer.trained_types import predict
    from components.signature import ServingSignature

    model = ServingSignature(str(trained.model / "Format-Serving"))
    rows = [learners.serialize({"_id": "a", "minutes": 5.0, "lessons": 3, "country": "de"})] * 2
    swapped = []
    for row in rows:
        example = example_pb2.Example.FromString(row)
        feature = example.features.feature
        feature["minutes"].Clear()
        feature["minutes"].int64_list.value.append(5)
        feature["lessons"].Clear()
        feature["lessons"].float_list.value.append(3.0)
        swapped.append(example.SerializeToString())
    expected = model.predict(np.array(rows, object))["probability"]
    np.testing.assert_array_equal(predict(model, np.array(swapped, object))["probability"], expected)
    example.features.feature["lessons"].float_list.value[0] = 3.5
    with pytest.raises(
        DataError, match=r"feature 'lessons'.*whole numbers.*with a fraction.*declare its type"
    ):
        predict(model, np.array([example.SerializeToString()], object))
