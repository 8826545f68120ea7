"""Stock TFX: the nine nodes of the Chicago taxi example over the learners' CSV file, with LocalDagRunner.

    python pipeline.py --data FOLDER --root FOLDER --steps 1000 --eval-steps 6 --seed 42

Every parameter that is not named here is TFX's default, Beam's arguments among them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.components import (
    CsvExampleGen,
    Evaluator,
    ExampleValidator,
    Pusher,
    SchemaGen,
    StatisticsGen,
    Trainer,
    Transform,
)
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, trainer_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

MODULE = Path(__file__).with_name("learners.py")
SPLITS = {"train": 7, "eval": 1, "test": 2}
METRICS = ("AUC", "BinaryAccuracy", "Precision", "Recall", "Calibration", "ExampleCount")
SLICES = ("country", "device", "plan")
LOWEST_AUC = 0.65
LARGEST_LOSS_OF_AUC = 0.01


def eval_config() -> tfma.EvalConfig:
    """Returns metrics, slices and the two thresholds on the AUC of all rows."""
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": LOWEST_AUC}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -LARGEST_LOSS_OF_AUC}
        ),
    )
    # Without slicing specs a threshold applies to every slice, even one of a dozen rows.
    overall = config_pb2.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)
    metrics = [tfma.MetricConfig(class_name=name) for name in METRICS]
    metrics[0].per_slice_thresholds.append(overall)
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(signature_name="serving_default", label_key="retained_d7")],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in SLICES)],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )


def make_pipeline(data: Path, root: Path, steps: int, eval_steps: int, seed: int) -> Pipeline:
    """Returns the pipeline.

    Args:
        data: Folder that holds the CSV file.
        root: Folder for artifacts, metadata and the pushed model.
        steps: Training steps.
        eval_steps: Batches of the validation split.
        seed: Seed of training.
    """
    splits = [example_gen_pb2.SplitConfig.Split(name=n, hash_buckets=b) for n, b in SPLITS.items()]
    example_gen = CsvExampleGen(
        input_base=str(data),
        output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
    )
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"], infer_feature_shape=False)
    schema = schema_gen.outputs["schema"]
    example_validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema)
    transform = Transform(examples=example_gen.outputs["examples"], schema=schema, module_file=str(MODULE))
    trainer = Trainer(
        module_file=str(MODULE),
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        train_args=trainer_pb2.TrainArgs(num_steps=steps),
        eval_args=trainer_pb2.EvalArgs(num_steps=eval_steps),
        custom_config={"seed": seed},
    )
    resolver = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=eval_config(),
        example_splits=["test"],
    )
    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(root / "serving"))
        ),
    )
    nodes = [example_gen, statistics_gen, schema_gen, example_validator]
    nodes += [transform, trainer, resolver, evaluator, pusher]
    return Pipeline(
        pipeline_name="learner_retention",
        pipeline_root=str(root / "artifacts"),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.db")),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the CSV file")
    parser.add_argument("--root", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--eval-steps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    LocalDagRunner().run(make_pipeline(given.data, given.root, given.steps, given.eval_steps, given.seed))


if __name__ == "__main__":
    main()
