"""Which way a node takes: its own process for what fits, Beam for what is large, remote or of another kind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import in_process
from components.mongo_example_gen.result import Ingestion

LOCAL = ("--runner=FnApiRunner", "--direct_num_workers=1")


class ArtifactDouble:
    """Stands in for TFX's artifact, which cannot be imported without TensorFlow."""

    def __init__(self, uri: str, kind: str = "FORMAT_TF_EXAMPLE") -> None:
        self.uri, self._kind = uri, kind

    def get_string_custom_property(self, name: str) -> str:
        assert name == "payload_format"
        return self._kind


@pytest.fixture
def examples(tmp_path: Path) -> Callable[..., Any]:
    def make(rows: int | None, size: int = 10, **options: Any) -> Any:
        folder = tmp_path / f"{rows}-{size}"
        for split in ("train", "test"):
            (folder / f"Split-{split}").mkdir(parents=True)
            (folder / f"Split-{split}" / "data-00000-of-00001.gz").write_bytes(b"x" * size)
        if rows is not None:
            Ingestion(splits={"train": rows, "test": 5}).write(folder)
        return ArtifactDouble(str(folder), **options)

    return make


def test_few_rows_are_worked_through_in_the_process(examples: Any) -> None:
    assert in_process.fits([examples(1000)], ["train"], LOCAL)
    assert in_process.fits([examples(None)], ["train", "test"], ())


@pytest.mark.parametrize(
    ("beam_args", "rows", "size", "why"),
    [
        pytest.param(("--runner=DataflowRunner",), 10, 10, "DataflowRunner", id="remote"),
        pytest.param(LOCAL, 1_000_001, 10, "1,000,001 rows", id="many rows"),
        pytest.param(LOCAL, None, 2000, "2,000 bytes", id="many bytes that nobody counted the rows of"),
    ],
)
def test_the_others_are_left_to_beam_and_the_log_says_why(
    beam_args: tuple[str, ...], rows: int | None, size: int, why: str, examples: Any, caplog: Any
) -> None:
    with caplog.at_level(logging.INFO, in_process.__name__):
        assert not in_process.fits([examples(rows, size)], ["train"], beam_args, bytes_limit=1999)
    assert why in caplog.text


def test_only_the_named_splits_count_and_those_of_all_artifacts_together(examples: Any) -> None:
    large, small = examples(1_000_000), examples(7)
    assert in_process.fits([large], ["test"], LOCAL)
    assert in_process.fits([large], ["train"], LOCAL)
    assert not in_process.fits([large, small], ["train"], LOCAL)


def test_rows_of_another_kind_or_elsewhere_are_left_to_beam(examples: Any) -> None:
    assert not in_process.fits([examples(1, kind="FORMAT_PARQUET")], ["train"], LOCAL)
    assert not in_process.fits([ArtifactDouble("gs://bucket/examples")], ["train"], LOCAL)
    assert not in_process.fits([examples(2)], ["eval"], LOCAL)
