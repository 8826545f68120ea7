"""What a run warns of comes from every ingestion, of the documents to learn from and of those to predict for."""

from __future__ import annotations

from pathlib import Path

from components.mongo_example_gen.result import Documents, FieldCounts, Ingestion
from pipeline.lineage.records import Artifact
from pipeline.report.collect import collect
from pipeline.runs.finish import _warnings
from pipeline.runs.results import RunResults


def _artifact(folder: Path, number: int, splits: dict[str, int]) -> Artifact:
    place = folder / str(number)
    place.mkdir()
    field = FieldCounts(
        "v",
        "float",
        "v",
        declared=True,
        kinds={"string": 100},
        misfits={"string in a float field": 5 * number},
    )
    Ingestion(documents=Documents(read=100, accepted=100), splits=splits, fields=(field,)).write(place)
    return Artifact(number, "Examples", str(place), "LIVE")


def test_warnings_of_both_ingestions_are_said_and_reported(tmp_path: Path) -> None:
    found = RunResults(
        {
            ("MongoExampleGen", "examples"): _artifact(
                tmp_path, 1, {"train": 70, "validation": 10, "test": 20}
            ),
            ("InferExampleGen", "examples"): _artifact(tmp_path, 2, {"all": 100}),
        }
    )
    expected = [
        "5 of 100 values of v do not fit the type float and count as missing (string in a float field: 5)",
        "documents to predict for: 10 of 100 values of v do not fit the type float and count as missing "
        "(string in a float field: 10)",
    ]
    assert _warnings(found) == [f"Warning: {text}" for text in expected]
    assert collect(found, [])["notices"] == tuple(expected)
