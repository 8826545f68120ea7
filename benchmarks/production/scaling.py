"""Measures StatisticsGen and Transform over one and two worker processes on each Beam engine, beside the engine's own floor.

The floor is an identity pipeline over the same bytes: read the rows, hand each through one step, write them. Each
measurement is a process of its own, with all that it starts; CPU seconds are those of all of them together, and include
the start of Java and the import of TensorFlow. Run the example once before (``make demo``): its rows are repeated.

    python benchmarks/production/scaling.py                                            150,000 rows
    python benchmarks/production/scaling.py --rows 1500000 --write docs/benchmarks-production.md

The page has a place for the table of each of these two sizes.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.machine import describe_machine  # noqa: E402
from local_speed.tables import markdown  # noqa: E402
from local_speed.telling import tell  # noqa: E402
from local_speed.versions import REPOSITORY  # noqa: E402

from foundation.errors import StorageError  # noqa: E402

EXAMPLE = REPOSITORY / "examples" / "learner_retention"
SPLITS = ("train", "validation", "test")
MARK = "scaling"
STEPS = ("identity", "StatisticsGen", "Transform")
ENGINES = ("local", "flink", "spark")
FILES = 4
"""Files of each split, so that two workers can read at once."""


def main() -> int:
    """Prints a Markdown table of what each engine takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--workers", default="1,2")
    parser.add_argument(
        "--root", type=Path, default=EXAMPLE / ".penstock", help="root of a run of the example"
    )
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(*given.one, given.root)))
        return 0
    return tell(f"{MARK}-{given.rows}", given.write, lambda: _table(given))


def _table(given: argparse.Namespace) -> str:
    rows = []
    with tempfile.TemporaryDirectory(prefix="penstock-scaling-") as folder:
        examples = _repeated(given.root, Path(folder), given.rows)
        for step in given.steps.split(","):
            for engine in given.engines.split(","):
                for workers in given.workers.split(","):
                    rows.append(_row(step, engine, workers, examples, given.rows))
                    print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    head = ("step", "engine", "worker processes", "wall", "CPU", "wall a row", "CPU a row")
    return f"{given.rows:,} rows, 1 repeat. {describe_machine()}.\n\n{markdown(head, rows)}"


def _repeated(root: Path, folder: Path, rows: int) -> Path:
    """Writes the example's rows again and again until there are enough; returns the folder with examples and schema."""
    from foundation.tfrecord import read_gz

    made = root / "artifacts/MongoExampleGen/examples"
    if not made.is_dir():
        raise StorageError(
            str(made), expected="the example's rows", seen="none", remedy="run 'make demo' first"
        )
    sources = max(made.iterdir(), key=lambda one: int(one.name))
    found = {
        split: [r for f in (sources / f"Split-{split}").iterdir() for r in read_gz(f)] for split in SPLITS
    }
    total = sum(map(len, found.values()))
    left = rows
    for split in SPLITS:
        wanted = left if split == SPLITS[-1] else rows * len(found[split]) // total
        left -= wanted
        _write(found[split], wanted, folder / "examples" / f"Split-{split}")
    (folder / "schema").mkdir()
    shutil.copy(REPOSITORY / "schema/learner_retention/schema.pbtxt", folder / "schema/schema.pbtxt")
    return folder


def _write(rows: list[bytes], wanted: int, folder: Path) -> None:
    import tensorflow as tf

    folder.mkdir(parents=True)
    for number in range(FILES):
        name = folder / f"data_tfrecord-{number:05d}-of-{FILES:05d}.gz"
        with tf.io.TFRecordWriter(str(name), "GZIP") as writer:
            for index in range(number, wanted, FILES):
                writer.write(rows[index % len(rows)])


def _row(step: str, engine: str, workers: str, folder: Path, rows: int) -> tuple[str, ...]:
    command = [sys.executable, __file__, "--one", step, engine, workers, "--root", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
        return (step, engine, workers, f"failed: {said}", "", "", "")
    wall, cpu = json.loads(done.stdout.splitlines()[-1])
    each = [f"{seconds / rows * 1e6:,.0f} µs" for seconds in (wall, cpu)]
    return (step, engine, workers, f"{wall:.1f} s", f"{cpu:.1f} s", *each)


def _measured(step: str, engine: str, workers: str, folder: Path) -> tuple[float, float]:
    """Runs one step; returns its wall and CPU seconds, with those of all processes that it started."""
    from pipeline.document.models import RunConfig
    from pipeline.engines.base import Context, engine_for

    run = RunConfig(beam=engine, workers=int(workers))
    node = "MongoExampleGen" if step == "identity" else step
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="penstock-scaling-") as made,
        engine_for(run, node).started(run, Context("scaling", "1", node, folder=Path(made))) as args,
    ):
        {"identity": _identity, "StatisticsGen": _statistics, "Transform": _transform}[step](
            folder, Path(made), args
        )
    wall = time.monotonic() - began
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return wall, sum(one.ru_utime + one.ru_stime for one in used)


def _identity(folder: Path, made: Path, args: list[str]) -> None:
    import apache_beam as beam

    with beam.Pipeline(argv=args) as pipeline:
        for split in SPLITS:
            _ = (
                pipeline
                | f"Read{split}"
                >> beam.io.ReadFromTFRecord(str(folder / "examples" / f"Split-{split}" / "*"))
                | f"HandThrough{split}" >> beam.Map(_same)
                | f"Write{split}" >> beam.io.WriteToTFRecord(str(made / split), file_name_suffix=".gz")
            )


def _same(row: bytes) -> bytes:
    return row


def _examples(folder: Path) -> Any:
    from tfx.types import standard_artifacts

    found = standard_artifacts.Examples()
    found.uri = str(folder / "examples")
    found.split_names = json.dumps(SPLITS)
    found.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    found.set_string_custom_property("file_format", "tfrecords_gzip")
    return found


def _context(made: Path, args: list[str]) -> Any:
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

    from components import in_process

    in_process._LOCAL.clear()  # the local engine goes through Beam, too: this compares engines
    return BaseBeamExecutor.Context(beam_pipeline_args=args, tmp_dir=str(made / "tmp"), unique_id="1")


def _statistics(folder: Path, made: Path, args: list[str]) -> None:
    from tfx.types import standard_artifacts

    from components.statistics_gen.executor import OPTIONS, Executor

    output = standard_artifacts.ExampleStatistics()
    output.uri = str(made / "statistics")
    executor = Executor(_context(made, args))
    executor.Do({"examples": [_examples(folder)]}, {"statistics": [output]}, {OPTIONS: None})


def _transform(folder: Path, made: Path, args: list[str]) -> None:
    from tfx.types import channel_utils, standard_artifacts

    from components.transform.component import make_transform
    from components.transform.executor import Executor
    from pipeline.document.loader import load

    spec = load([EXAMPLE / "pipeline.yaml"]).spec
    examples, schema, graph = (
        _examples(folder),
        standard_artifacts.Schema(),
        standard_artifacts.TransformGraph(),
    )
    schema.uri, graph.uri = str(folder / "schema"), str(made / "graph")
    channels = [channel_utils.as_channel([one]) for one in (examples, schema)]
    node = make_transform(spec.features, spec.data.label, spec.model.task, spec.model.positive, *channels)
    Executor(_context(made, args)).Do(
        {"examples": [examples], "schema": [schema]}, {"transform_graph": [graph]}, node.exec_properties
    )


if __name__ == "__main__":
    sys.exit(main())
