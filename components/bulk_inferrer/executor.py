"""Executor of the bulk inferrer: runs every document of an export through the blessed model, keyed by ``_id``."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact, artifact_utils
from tfx.utils import path_utils

from components import signature
from components.bulk_inferrer.columns import id_form
from components.bulk_inferrer.config import InferConfig
from components.bulk_inferrer.fit import why_unfit
from components.bulk_inferrer.provenance import classes, fill, ids_are_hashed, model_used
from components.bulk_inferrer.result import Predictions
from components.bulk_inferrer.rows import Ids, Seen, beside, found_in, read_batches
from components.bulk_inferrer.trained_types import predict
from components.bulk_inferrer.writers import join_shards, open_writer
from components.pusher.executor import refusals
from foundation.outside import left
from foundation.publish import published_file
from foundation.storage import Location, locate
from foundation.storage_upload import published
from foundation.stores.brought import fetched
from foundation.stores.exchange import Exchange, at_hand, flagged, workbench
from foundation.stores.mirror import address_of

SPLIT = "all"
NO_SHARD = "no_documents"

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Predicts with a blessed model; without one, predicts nothing, which is a result and no error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``predictions``: shards in the artifact, one published file in the document's folder.

        Raises:
            DataError: A shard is damaged.
            StorageError: The folder cannot be written, or the disk is full.
        """
        config = InferConfig.model_validate_json(exec_properties["config"])
        result = artifact_utils.get_single_instance(output_dict["predictions"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        run = (self._context and self._context.pipeline_run_id) or ""
        about = Predictions(False, run=run, export=config.mongo_export, **fill(examples))
        files = sorted(Path(artifact_utils.get_split_uri([examples], SPLIT)).glob("*.gz"))
        why = refusals(input_dict)
        if not why:
            model = path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"]))
            used = model_used(input_dict, exec_properties, run)
            about = replace(about, predicted=True, model=used, **classes(model))
            unfit = "" if used.this_run else why_unfit(model, examples.uri, files)
            why = [f"the last blessed model cannot predict these documents, as {unfit}"] if unfit else []
        if why:
            log.warning("Nothing predicted for %s: %s.", config.mongo_export, "; ".join(why))
            result.set_int_custom_property("predicted", 0)
            replace(about, predicted=False, why=tuple(why)).write(result.uri)
            return
        hashed = ids_are_hashed(examples)
        shards = self._predict(model, files, Path(result.uri) / "shards", config.format, hashed)
        place = locate(config.to, Path(exec_properties["base_folder"]))
        about = publish(shards, place, config.format, about, hashed)
        about.write(result.uri)
        log.info("Predicted %d documents, see %s.", about.rows, about.destination)
        result.set_int_custom_property("predicted", 1)
        result.set_string_custom_property("destination", about.destination)
        result.set_int_custom_property("rows", about.rows)

    def _predict(self, model: str, files: list[Path], to: Path, kind: str, hashed: bool) -> list[Path]:
        shutil.rmtree(to, ignore_errors=True)  # left by a killed attempt of this execution
        exchange = Exchange(to, flagged(self._extra_flags))
        if not files:
            return [PredictShard(model, str(to), kind, hashed).predict_nothing()]
        known = address_of if exchange.address else str
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "ListShards" >> beam.Create([known(file) for file in files])
                | "SpreadShards" >> beam.Reshuffle()
                | "PredictShard" >> beam.ParDo(PredictShard(known(model), exchange.there, kind, hashed))
            )
        to.mkdir(parents=True, exist_ok=True)
        shards = [to / f"{file.stem}.{kind}" for file in files]
        exchange.pick_up([one.name for shard in shards for one in (shard, *beside(shard))])
        return shards


def publish(shards: list[Path], place: Location, kind: str, about: Predictions, hashed: bool) -> Predictions:
    """Joins the shards into one file in a folder or store, with ``predictions.json`` beside it.

    Returns:
        The result with what is known of the predictions by then.

    Raises:
        StorageError: A file cannot be written.
    """
    found, target, beside = found_in(shards), place / f"predictions.{kind}", place / about.FILE
    about = replace(
        about,
        rows=sum(found.types.values()),
        destination=str(target),
        outputs=found.outputs,
        id_types=found.types,
        repeated_ids=found.repeated,
        ids=id_form(found.types, hashed) if kind == "parquet" or hashed else "extended json",
    )
    with published(target) as temporary:
        content = json.dumps({"format": about.FORMAT, **about.as_json()})
        join_shards(shards, temporary, kind, found.types, hashed, content)
    with published(beside) as temporary:
        temporary.write_text(replace(about, left=left([target])).text(), encoding="utf-8")
    return replace(about, left=left([target, beside]))


class PredictShard(beam.DoFn):
    """Predicts one TFRecord shard and publishes one shard of predictions by rename, so retries are safe.

    Args:
        model: Folder of the SavedModel, or its address where workers do not see this machine's disk.
        to: Where shards go: ``Exchange.there``.
        kind: jsonl or parquet.
        hashed: Whether ids are hashed.
    """

    def __init__(self, model: str, to: str, kind: str, hashed: bool = False) -> None:
        self._model, self._to, self._kind, self._hashed = model, to, kind, hashed

    def process(self, file: str) -> Iterable[None]:
        """Reads, predicts and writes; yields nothing."""
        with at_hand(file) as shard:
            self._write(shard.stem, read_batches(str(shard), self._hashed))
        return ()

    def predict_nothing(self) -> Path:
        """Writes a shard without rows, as there are no documents; the model says which columns it has."""
        import numpy as np

        self._write(NO_SHARD, [(Ids([], []), np.empty(0, object))])
        return Path(self._to) / f"{NO_SHARD}.{self._kind}"

    def _write(self, name: str, batches: Iterable[tuple[Ids, Any]]) -> None:
        model, seen = signature.load(str(fetched(self._model))), Seen()
        with workbench(self._to) as folder:
            target = folder / f"{name}.{self._kind}"
            with published_file(target) as temporary, open_writer(temporary, self._kind) as write:
                for ids, records in batches:
                    found = predict(model, records)
                    write(ids, found)
                    seen.add(ids, found)
                seen.write(target)
