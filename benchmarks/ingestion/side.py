"""One side of the comparison in its own process; prints its cost as JSON.

    python benchmarks/ingestion/side.py penstock relaxed export.jsonl /tmp/out

The sides: ``penstock``; ``naive`` (see naive.py); ``floor``: the same reading and writing with no conversion between;
``pandas``: ``read_json`` of chunks of lines, and nothing after it.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

import apache_beam as beam  # noqa: E402
from ingestion.data import FIELDS, LABEL  # noqa: E402

from components.exports.blocks import WorkItem, plan_items, read_part, recognise_all  # noqa: E402
from components.exports.fields import FieldConfig  # noqa: E402
from components.exports.source import resolve  # noqa: E402
from components.mongo_example_gen.config import DataConfig  # noqa: E402
from components.mongo_example_gen.ingest import ingest  # noqa: E402
from components.mongo_example_gen.plan import make_plan  # noqa: E402
from components.mongo_example_gen.reading import Request  # noqa: E402
from components.mongo_example_gen.shards import ShardWriter  # noqa: E402


def make_pipeline() -> Any:
    return beam.Pipeline(argv=["--runner=FnApiRunner"])


def penstock(kind: str, export: Path, output: Path) -> None:
    data = {"mongo_export": export.name, "label": LABEL, "split": {"by": "user_id"}}
    config = DataConfig.model_validate(data)
    plan = make_plan(config, {path: FieldConfig() for path in FIELDS}, labelled=True)
    ingest(Request(config, plan, resolve(export.name, export.parent), export.parent, output), make_pipeline)


def naive(kind: str, export: Path, output: Path) -> None:
    from ingestion import naive as steps

    with make_pipeline() as pipeline:
        steps.build(pipeline, kind, export, output)


class CopyItem(beam.DoFn):
    """Reads an item and writes its documents as they are."""

    def __init__(self, output: str) -> None:
        self._output = output

    def process(self, item: WorkItem) -> Iterator[int]:
        """Yields how many documents were copied."""
        writer = ShardWriter(Path(self._output) / f"{item.index}.gz")
        for part in item.parts:
            for block in read_part(part):
                writer.write(list(block.documents))
        writer.close()
        yield writer.rows


def floor(kind: str, export: Path, output: Path) -> None:
    items = plan_items(recognise_all([(export, export.name)], "auto"))
    output.mkdir(parents=True)
    with make_pipeline() as pipeline:
        pipeline | "Items" >> beam.Create(items) | "Copy" >> beam.ParDo(CopyItem(str(output)))


def pandas(kind: str, export: Path, output: Path) -> None:
    import pandas as pd

    for _ in pd.read_json(export, lines=True, chunksize=10_000):
        pass


SIDES = {"penstock": penstock, "naive": naive, "floor": floor, "pandas": pandas}


def measure(side: str, kind: str, export: Path, output: Path) -> dict[str, float]:
    """Runs a side; the process's CPU time with all threads and children, in seconds, and its peak memory in MB."""
    shutil.rmtree(output, ignore_errors=True)
    before, began = _cpu(), time.monotonic()
    SIDES[side](kind, export, output)
    taken = {"cpu": _cpu() - before, "wall": time.monotonic() - began}
    shutil.rmtree(output, ignore_errors=True)
    return {**taken, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    side, kind, export, warm_up, output = sys.argv[1:6]
    measure(side, kind, Path(warm_up), Path(output))  # imports and first calls do not count per document
    print(json.dumps(measure(side, kind, Path(export), Path(output))))
