"""Executor of the bulk inferrer: runs every document of an export through the blessed model, keyed by ``_id``."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact, artifact_utils
from tfx.utils import path_utils

from components import signature
from components.bulk_inferrer.config import InferConfig
from components.bulk_inferrer.result import Predictions
from components.bulk_inferrer.writers import join_shards, open_writer
from foundation.errors import DataError
from foundation.outside import left
from foundation.publish import published_file
from foundation.storage import locate
from foundation.storage_upload import published

SPLIT = "all"
BATCH = 1024

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Predicts with a blessed model; without one, predicts nothing and logs it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``predictions``: shards in the artifact, one published file in the document's folder.

        Raises:
            DataError: The split ``all`` is empty, or a document has no ``_id``.
            StorageError: The folder cannot be written, or the disk is full.
        """
        config = InferConfig.model_validate_json(exec_properties["config"])
        result = artifact_utils.get_single_instance(output_dict["predictions"])
        if not model_utils.is_model_blessed(artifact_utils.get_single_instance(input_dict["blessing"])):
            log.warning("Nothing predicted for %s: the model is not blessed.", config.mongo_export)
            result.set_int_custom_property("predicted", 0)
            Predictions(predicted=False).write(result.uri)
            return
        model = path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"]))
        examples = artifact_utils.get_split_uri(input_dict["examples"], SPLIT)
        shards = self._predict(model, examples, Path(result.uri) / "shards", config.format)
        # A folder, or a place in a store: ``published`` writes a whole file to either.
        target = locate(config.to, Path(exec_properties["base_folder"])) / f"predictions.{config.format}"
        with published(target) as temporary:
            rows = join_shards(shards, temporary, config.format)
        log.info("Predicted %d documents, see %s.", rows, target)
        result.set_int_custom_property("predicted", 1)
        result.set_string_custom_property("destination", str(target))
        result.set_int_custom_property("rows", rows)
        Predictions(predicted=True, rows=rows, destination=str(target), left=left([target])).write(result.uri)

    def _predict(self, model: str, examples: str, to: Path, kind: str) -> list[Path]:
        files = sorted(str(file) for file in Path(examples).glob("*.gz"))
        if not files:
            raise DataError(f"split {SPLIT} in {examples}", expected="at least one document", seen="no shard")
        shutil.rmtree(to, ignore_errors=True)  # left by a killed attempt of this execution
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "ListShards" >> beam.Create(files)
                | "SpreadShards" >> beam.Reshuffle()
                | "PredictShard" >> beam.ParDo(PredictShard(model, str(to), kind))
            )
        return [to / f"{Path(file).stem}.{kind}" for file in files]


class PredictShard(beam.DoFn):
    """Predicts one TFRecord shard and publishes one shard of predictions by rename, so retries are safe.

    Args:
        model: Folder of the SavedModel.
        to: Folder of the shards.
        kind: jsonl or parquet.
    """

    def __init__(self, model: str, to: str, kind: str) -> None:
        self._model, self._to, self._kind = model, to, kind

    def process(self, file: str) -> Iterable[None]:
        """Reads, predicts and writes; yields nothing."""
        model = signature.load(self._model)
        target = Path(self._to) / f"{Path(file).stem}.{self._kind}"
        with published_file(target) as temporary, open_writer(temporary, self._kind) as write:
            for ids, records in read_batches(file):
                write(ids, model.predict(records))
        return ()


def read_batches(file: str) -> Iterable[tuple[list[str], Any]]:
    """Yields [n] ids and [n] serialized Examples of a shard, batch by batch.

    Raises:
        DataError: A document has no ``_id``, or the shard is damaged.
    """
    import tensorflow as tf

    spec = {"_id": tf.io.FixedLenFeature([], tf.string)}
    try:
        for records in tf.data.TFRecordDataset(file, "GZIP").batch(BATCH):
            ids = tf.io.parse_example(records, spec)["_id"].numpy()
            yield [one.decode("utf-8", "replace") for one in ids], records.numpy()
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise DataError(f"shard {file}", expected="documents with an _id", seen=str(error.message)) from error
