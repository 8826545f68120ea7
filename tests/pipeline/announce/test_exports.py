"""An export is news once for each content that a run would see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import DataError, SpecError
from pipeline.announce.airflow import Airflow
from pipeline.announce.exports import new_export
from pipeline.announce.news import announce
from pipeline.document.models import PipelineSpec
from tests.pipeline.announce.double import AirflowDouble
from tests.pipeline.conftest import DOCUMENT


def reading(pattern: str) -> PipelineSpec:
    return PipelineSpec.model_validate({**DOCUMENT, "data": {"mongo_export": pattern, "label": "retained"}})


def write(file: Path, text: str = '{"_id": 1}\n') -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def tell(airflow: Airflow, tmp_path: Path) -> Any:
    def sent(pattern: str = "exports/{SPAN}/*.jsonl", span: int | None = None) -> bool:
        return announce(airflow, "learners", new_export(reading(pattern), tmp_path, span)).sent

    return sent


def test_the_newest_span_is_announced_and_each_once(server: AirflowDouble, tell: Any, tmp_path: Path) -> None:
    for span in (9, 10):
        write(tmp_path / "exports" / str(span) / "a.jsonl")
    assert [tell(), tell()] == [True, False]
    write(tmp_path / "exports" / "11" / "a.jsonl")
    assert [tell(), tell(span=9), tell(span=9), tell()] == [True, True, False, False]
    assert [extra["span"] for extra in server.extras("export")] == [10, 11, 9]


def test_a_span_that_was_exported_again_is_other_news(tell: Any, tmp_path: Path) -> None:
    write(tmp_path / "exports" / "10" / "a.jsonl")
    assert tell()
    write(tmp_path / "exports" / "10" / "a.jsonl", '{"_id": 2}\n')
    assert [tell(), tell()] == [True, False]


def test_an_event_that_names_the_span_alone_is_of_it(
    server: AirflowDouble, tell: Any, tmp_path: Path
) -> None:
    write(tmp_path / "exports" / "10" / "a.jsonl")
    server.put("export", span=10)
    assert not tell()


def test_a_date_is_the_span_that_a_run_is_given(server: AirflowDouble, tell: Any, tmp_path: Path) -> None:
    write(tmp_path / "exports" / "2026-01-02" / "a.jsonl")
    assert tell("exports/{YYYY}-{MM}-{DD}/*.jsonl")
    assert server.extras("export")[0]["span"] == 20455


def test_an_export_without_spans_is_known_by_its_content(
    server: AirflowDouble, tell: Any, tmp_path: Path
) -> None:
    server.put("export")  # by hand: who knows of what
    write(tmp_path / "export.jsonl")
    assert [tell("export.jsonl"), tell("export.jsonl")] == [True, False]
    assert "span" not in server.extras("export")[1]


def test_what_is_not_there_is_not_announced(server: AirflowDouble, tell: Any, tmp_path: Path) -> None:
    write(tmp_path / "exports" / "10" / "a.jsonl")
    with pytest.raises(DataError, match="span 12 of data"):
        tell(span=12)
    query = {
        "bigquery": {"query": "SELECT 1", "project": "p", "temp_location": "gs://b/t"},
        "label": "retained",
    }
    with pytest.raises(SpecError, match="a query has no exports"):
        new_export(PipelineSpec.model_validate({**DOCUMENT, "data": query}), tmp_path, None)
    assert server.events == []
