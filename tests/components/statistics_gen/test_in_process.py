"""Statistics in the node's own process against TFDV's pipeline on Beam: the same files, for every kind of column."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.component

SPLITS = ("train", "validation", "test")


def documents(count: int) -> list[dict[str, Any]]:
    drawn = random.Random(4)
    rows = []
    for number in range(count):
        full = {
            "_id": f"id{number:05}",
            "whole": drawn.randint(-5, 300),
            "real": drawn.expovariate(0.1),
            "odd": drawn.choice([float("nan"), float("inf"), 0.0, 2.5]),
            "word": drawn.choice(["de", "de", "fr", "größer", "日本", ""]),
            "text": drawn.choice(["long " * 300, "longer " * 300, "größer " * 400, "short"]),
            "many": drawn.sample(["a", "b", "c", "d"], drawn.randint(0, 4)),
            "numbers": [drawn.random() for _ in range(drawn.randint(0, 6))],
            "flag": drawn.randint(0, 1),
            "constant": 7,
        }
        kept = {name: value for name, value in full.items() if name == "_id" or drawn.random() > 0.2}
        rows.append(kept | ({"rare": "x"} if number == 3 else {}))
    return rows


def example(document: dict[str, Any]) -> bytes:
    import tensorflow as tf

    made = tf.train.Example()
    for name, value in document.items():
        values = value if isinstance(value, list) else [value]
        feature = made.features.feature[name]
        if name in ("numbers", "real", "odd"):
            feature.float_list.value.extend(values)
        elif isinstance(next(iter(values), ""), str):
            feature.bytes_list.value.extend(v.encode() for v in values)
        else:
            feature.int64_list.value.extend(values)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Examples of three splits, the last without any row; more different ids than TFDV's sketches count exactly."""
    import tensorflow as tf
    from tfx.types import artifact_utils, standard_artifacts

    found = standard_artifacts.Examples()
    found.uri = str(tmp_path_factory.mktemp("examples"))
    found.split_names = artifact_utils.encode_split_names(list(SPLITS))
    found.span = 3
    parts = {"train": documents(1500), "validation": documents(40), "test": []}
    for split, rows in parts.items():
        folder = Path(found.uri) / f"Split-{split}"
        folder.mkdir()
        for shard in range(2):
            with tf.io.TFRecordWriter(str(folder / f"data-{shard}.gz"), "GZIP") as writer:
                for row in rows[shard::2]:
                    writer.write(example(row))
    return found


def computed(examples: Any, folder: Path, here: bool, allowed: list[str] | None) -> SimpleNamespace:
    """Runs the executor; returns its artifact, and split → statistics."""
    import tensorflow_data_validation as tfdv
    from tensorflow_data_validation.utils import stats_util
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.statistics_gen.executor import OPTIONS, Executor

    runner = "FnApiRunner" if here else "BundleBasedDirectRunner"
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=[f"--runner={runner}"], unique_id="1", tmp_dir=str(folder)
    )
    made = standard_artifacts.ExampleStatistics()
    made.uri = str(folder)
    options = tfdv.StatsOptions(feature_allowlist=allowed).to_json() if allowed else None
    Executor(context).Do({"examples": [examples]}, {"statistics": [made]}, {OPTIONS: options})
    read = {s: stats_util.load_stats_binary(str(folder / f"Split-{s}" / "FeatureStats.pb")) for s in SPLITS}
    return SimpleNamespace(artifact=made, splits=read)


def comparable(statistics: Any) -> dict[str, Any]:
    """Returns a data set's statistics as plain values, features by name."""
    from google.protobuf.json_format import MessageToDict

    (found,) = statistics.datasets
    values = MessageToDict(found)
    features = {one["path"]["step"][0]: one for one in values.pop("features", [])}
    return {**values, "features": features}


def assert_same(one: Any, other: Any, where: str) -> None:
    """Asserts that values are equal; floats within rounding, which the order of addition decides."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{index}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, nan_ok=True), where
    else:
        assert one == other, where


@pytest.mark.parametrize("allowed", [None, ["_id", "whole", "many", "gone"]], ids=["all", "some"])
def test_both_ways_give_the_same_statistics(examples: Any, tmp_path: Path, allowed: list[str] | None) -> None:
    here = computed(examples, tmp_path / "here", True, allowed)
    beam = computed(examples, tmp_path / "beam", False, allowed)
    for split in SPLITS:
        assert_same(comparable(here.splits[split]), comparable(beam.splits[split]), split)
    assert here.artifact.split_names == beam.artifact.split_names
    assert here.artifact.span == beam.artifact.span == 3
    properties = [set(made.artifact.mlmd_artifact.custom_properties) for made in (here, beam)]
    assert properties[0] == properties[1]


def test_the_size_of_batches_changes_nothing(
    examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components import in_process

    whole = computed(examples, tmp_path / "whole", True, None)
    monkeypatch.setattr(in_process.batches, "__defaults__", (7,))
    small = computed(examples, tmp_path / "small", True, None)
    assert_same(comparable(small.splits["train"]), comparable(whole.splits["train"]), "train")


def test_room_for_words_follows_the_rows_and_grows_where_a_column_has_more(
    examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.statistics_gen import executor

    asked: list[int] = []
    generators = executor._generators
    monkeypatch.setattr(
        executor,
        "_generators",
        lambda options, buckets: asked.append(buckets) or generators(options, buckets),
    )
    roomy = computed(examples, tmp_path / "roomy", True, None)
    assert asked == [1 << 16] * 3, "each bucket takes about 80 bytes, whatever it holds"
    asked.clear()
    monkeypatch.setattr(executor, "_BUCKETS", 100)
    grown = computed(examples, tmp_path / "grown", True, None)
    assert asked[:3] == [100, 800, 6400], "1,500 rows, of which some have four words"
    assert_same(comparable(grown.splits["train"]), comparable(roomy.splits["train"]), "train")


def test_a_damaged_shard_is_an_error_and_leaves_no_statistics(examples: Any, tmp_path: Path) -> None:
    import shutil

    from foundation.errors import DataError

    broken = type(examples)()
    broken.copy_from(examples) if hasattr(broken, "copy_from") else broken.set_mlmd_artifact(
        examples.mlmd_artifact
    )
    shutil.copytree(examples.uri, tmp_path / "examples")
    broken.uri = str(tmp_path / "examples")
    shard = tmp_path / "examples" / "Split-train" / "data-0.gz"
    shard.write_bytes(shard.read_bytes()[:-200])
    with pytest.raises(DataError):
        computed(broken, tmp_path / "statistics", True, None)
    assert not list((tmp_path / "statistics").rglob("FeatureStats.pb"))
