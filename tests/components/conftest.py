"""A small learners' data set as raw tf.Examples, and Transform and Trainer run on it by TFX itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args
from tests.side_by_side import once

TYPES = {
    "_id": bytes, "lessons": int, "minutes": float, "country": bytes, "device": bytes, "signup_at": int, "bio": bytes,
    "topics": bytes, "level": int, "constant": int, "never": bytes, "unknown": float, "retained": int, "score": float, "language": bytes,
}  # fmt: skip
ARRAYS = {"topics"}
LABEL_OF = {"binary": "retained", "multiclass": "language", "regression": "score"}

FEATURES: dict[str, Any] = {
    "lessons": ["zscore", "log_zscore", "missing"],
    "minutes": ["scale_0_1", {"buckets": 4}, "identity"],
    "country": {"vocabulary": {"top_k": 3, "oov_buckets": 2}},
    "level": {"vocabulary": {"top_k": 100, "min_count": 2}},
    "device": [{"hash": 8}, {"cross": {"with": ["country"], "hash_buckets": 20}}],
    "signup_at": {"date_parts": ["year", "month", "day", "day_of_week", "hour"]},
    "bio": {"text": 6},
    "topics": [{"bag": 5}, "count"],
    "constant": ["zscore", "scale_0_1"],
    "never": {"vocabulary": 10},
}

SMALL = {"lessons": "zscore", "minutes": {"buckets": 4}, "country": {"vocabulary": 10}, "topics": {"bag": 5}}


def make_learner(rng: random.Random, number: int) -> dict[str, Any]:
    """Returns one document; most fields are sometimes missing."""
    lessons = rng.randint(0, 40)
    document = {
        "_id": f"id{number}",
        "lessons": lessons,
        "minutes": round(rng.expovariate(0.1), 3),
        "country": rng.choice(["de", "de", "de", "fr", "fr", "it", "ch", "a\nb"]),
        "device": rng.choice(["ios", "android"]),
        "signup_at": rng.randint(-(10**11), 4 * 10**12),
        "bio": rng.choice(["I love Español!", "love, love cats", "Ich LIEBE Hunde"]),
        "topics": rng.sample(["food", "art", "sport", "work", "love", "rare"], rng.randint(0, 4)),
        "level": rng.randint(1, 6),
        "constant": 7,
    }
    kept = {name: value for name, value in document.items() if name == "_id" or rng.random() > 0.1}
    retained = int(lessons + rng.gauss(0, 6) > 20)
    return {
        **kept,
        "retained": retained,
        "score": lessons / 10 + rng.gauss(0, 0.1),
        "language": ["es", "de", "it"][lessons // 14],
    }


def serialize(document: Mapping[str, Any]) -> bytes:
    """Returns a document as a serialized tf.Example; None and missing are both an absent key."""
    import tensorflow as tf

    example = tf.train.Example()
    for name, value in document.items():
        values = [v for v in (value if isinstance(value, list) else [value]) if v is not None]
        feature, kind = example.features.feature[name], TYPES[name]
        if kind is bytes:
            feature.bytes_list.value.extend(v.encode() for v in values)
        elif kind is int:
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return example.SerializeToString()


def write_schema(path: Path) -> None:
    """Writes the learners' schema as TFDV would infer it."""
    kinds = {bytes: "BYTES", int: "INT", float: "FLOAT"}
    lines = []
    for name, kind in TYPES.items():
        count = "min: 1" if name in ARRAYS else "min: 1 max: 1"
        environment = 'not_in_environment: "SERVING"' if name in LABEL_OF.values() else ""
        lines.append(
            f'feature {{ name: "{name}" type: {kinds[kind]} value_count {{ {count} }} {environment} }}'
        )
    lines += ['default_environment: "TRAINING"', 'default_environment: "SERVING"']
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))


@pytest.fixture(scope="session")
def learners(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """600 documents in three splits as gzip TFRecords, their schema, and helpers to encode more."""
    import tensorflow as tf

    rng = random.Random(7)
    documents: dict[str, list[dict[str, Any]]] = {
        split: [make_learner(rng, number) for number in range(rows)]
        for split, rows in {"train": 420, "validation": 60, "test": 120}.items()
    }

    def build(root: Path) -> None:
        for split, rows in documents.items():
            folder = root / "examples" / f"Split-{split}"
            folder.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
                for document in rows:
                    writer.write(serialize(document))
        write_schema(root / "schema" / "schema.pbtxt")

    root = once(tmp_path_factory, "learners", build)
    return SimpleNamespace(
        root=root, documents=documents, serialize=serialize, features=FEATURES, small=SMALL
    )


@pytest.fixture(scope="session")
def analyse(learners: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs Transform's executor on the learners; returns the transform graph's folder."""

    def run(
        features: Any,
        label: str = "retained",
        task: str = "binary",
        positive: Any = None,
        folder: Path | None = None,
    ) -> str:
        from tfx.types import channel_utils, standard_artifacts

        from components.transform.component import make_transform
        from components.transform.config import FeaturesConfig
        from components.transform.executor import Executor

        examples, schema, graph = (
            standard_artifacts.Examples(),
            standard_artifacts.Schema(),
            standard_artifacts.TransformGraph(),
        )
        examples.uri, schema.uri = str(learners.root / "examples"), str(learners.root / "schema")
        examples.split_names = '["train", "validation", "test"]'
        examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        examples.set_string_custom_property("file_format", "tfrecords_gzip")
        graph.uri = str(folder or tmp_path_factory.mktemp("transform_graph"))
        channels = [channel_utils.as_channel([artifact]) for artifact in (examples, schema)]
        node = make_transform(FeaturesConfig.model_validate(features), label, task, positive, *channels)
        context = Executor.Context(
            beam_pipeline_args=local_args(RunConfig()), tmp_dir=f"{graph.uri}/.tmp", unique_id="1"
        )
        Executor(context).Do(
            {"examples": [examples], "schema": [schema]}, {"transform_graph": [graph]}, node.exec_properties
        )
        return graph.uri

    return run


@pytest.fixture(scope="session")
def small_graph(
    analyse: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], str]:
    """Gives the transform graph of the same few features for a task, made when it is first asked for."""

    def give(task: str) -> str:
        def build(folder: Path) -> None:
            analyse(SMALL, LABEL_OF[task], task, folder=folder)

        return str(once(tmp_path_factory, f"small_graph_{task}", build))

    return give


@pytest.fixture(scope="session")
def trained(learners: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """ImportExampleGen, ImportSchemaGen, Transform and Trainer, run by TFX's LocalDagRunner."""
    from components.trainer.config import ModelConfigSlice, TrainConfig

    model = ModelConfigSlice(type="wide_and_deep", hidden=[16, 8])
    train = TrainConfig(steps=150, batch_size=64)
    root = once(tmp_path_factory, "trained", lambda folder: train_learners(learners, folder, model, train))
    return SimpleNamespace(
        graph=str(next(root.glob("Transform/transform_graph/*"))),
        model=next(root.glob("Trainer/model/*")),
        run=next(root.glob("Trainer/model_run/*")),
        settings=(model, train),
    )


def train_learners(learners: SimpleNamespace, root: Path, model: Any, train: Any) -> None:
    """Runs TFX's own runner over the learners."""
    from tfx.components import ImportExampleGen
    from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.proto import example_gen_pb2

    from components.trainer.component import make_trainer
    from components.transform.component import make_transform
    from components.transform.config import FeaturesConfig

    splits = [example_gen_pb2.Input.Split(name=s, pattern=f"Split-{s}/*") for s in learners.documents]
    gen = ImportExampleGen(str(learners.root / "examples"), input_config=example_gen_pb2.Input(splits=splits))
    schema = ImportSchemaGen(str(learners.root / "schema" / "schema.pbtxt"))
    features = FeaturesConfig.model_validate(learners.features)
    examples, types = gen.outputs["examples"], schema.outputs["schema"]
    transform = make_transform(features, "retained", "binary", None, examples, types)
    trainer = make_trainer(
        model, train, "retained", features, examples, transform.outputs["transform_graph"], types
    )
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="learners",
            pipeline_root=str(root),
            metadata_connection_config=metadata.sqlite_metadata_connection_config(str(root / "metadata.db")),
            components=[gen, schema, transform, trainer],
            beam_pipeline_args=local_args(RunConfig()),
            enable_cache=False,
        )
    )
