"""Small models with the two signatures of the Trainer's export, and runs of the node on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


def write_model(folder: Path, slope: float, examples_only: bool = False) -> Path:
    """Writes a model of one feature; the folder is that of a Model artifact."""
    import tensorflow as tf

    class Logistic(tf.Module):
        """A model whose probability grows with the lessons."""

        def __init__(self) -> None:
            super().__init__()
            self.slope = tf.Variable(slope)

        def scores(self, lessons: Any) -> dict[str, Any]:
            known = tf.cast(tf.where(lessons == tf.int64.min, tf.zeros_like(lessons), lessons), tf.float32)
            return {"probability": tf.sigmoid(self.slope * (known - 20.0))}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve_examples(self, examples: Any) -> dict[str, Any]:
            lessons = tf.io.parse_example(examples, {"lessons": tf.io.VarLenFeature(tf.int64)})["lessons"]
            dense = tf.sparse.to_dense(lessons, default_value=tf.int64.min)
            padded = tf.concat([dense, tf.fill([tf.shape(dense)[0], 1], tf.int64.min)], axis=1)
            return self.scores(padded[:, 0])

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, name="lessons"),
                tf.TensorSpec([None, None], tf.string, name="topics"),
            ]
        )
        def serve_features(self, lessons: Any, topics: Any) -> dict[str, Any]:
            return {**self.scores(lessons), "first_topic": topics[:, 0]}

    model = Logistic()
    signatures = {"serving_examples": model.serve_examples}
    if not examples_only:
        signatures["serving_default"] = model.serve_features
    tf.saved_model.save(model, str(folder / "Format-Serving"), signatures=signatures)
    return folder


@pytest.fixture(scope="session")
def served_models(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A good model, an older one, and one whose weights are missing."""
    root = tmp_path_factory.mktemp("served_models")
    broken = write_model(root / "broken", 1.0)
    next((broken / "Format-Serving" / "variables").glob("*.data-*")).unlink()
    return SimpleNamespace(
        good=write_model(root / "good", 0.2), older=write_model(root / "older", 0.1, True), broken=broken
    )


@pytest.fixture
def validate(learners: SimpleNamespace, tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Runs the node's executor; returns blessing, report and the model to push."""

    def run(model: Path, blessed: Path | None = None, **section: Any) -> SimpleNamespace:
        from tfx.types import standard_artifacts
        from tfx.utils import path_utils

        from components.infra_validator.component import InfraReport
        from components.infra_validator.config import InfraValidationConfig
        from components.infra_validator.executor import Executor

        examples, candidate = standard_artifacts.Examples(), standard_artifacts.Model()
        examples.uri, candidate.uri = str(learners.root / "examples"), str(model)
        examples.split_names = '["train", "validation", "test"]'
        inputs = {"model": [candidate], "examples": [examples], "baseline_model": []}
        if blessed:
            baseline = standard_artifacts.Model()
            baseline.uri = str(blessed)
            inputs["baseline_model"] = [baseline]
        blessing, report = standard_artifacts.InfraBlessing(), InfraReport()
        blessing.uri, report.uri = str(tmp_path / "blessing"), str(tmp_path / "report")
        config = InfraValidationConfig.model_validate({"requests": 20, "examples": 40, **section})
        Executor().Do(
            inputs,
            {"blessing": [blessing], "report": [report]},
            {"config": config.canonical_json(), "base_folder": str(tmp_path)},
        )
        document = json.loads((tmp_path / "report" / "infra_validation.json").read_text())
        left = sorted(p.name for p in (tmp_path / "report").iterdir())
        stamped = Path(path_utils.stamped_model_path(blessing.uri))
        return SimpleNamespace(
            blessing=blessing, report=document, model=stamped, left=left, candidate=candidate
        )

    return run
