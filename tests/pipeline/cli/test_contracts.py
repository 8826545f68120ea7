"""The files in ``schema/`` match the code and are only text."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli.contracts import CONTRACTS, DOCUMENTS, contract_text
from pipeline.cli.main import app

SCHEMA = Path(__file__).resolve().parents[3] / "schema"


@pytest.mark.parametrize("path", CONTRACTS)
def test_a_generated_contract_is_fresh(path: str) -> None:
    file = SCHEMA / path
    written = file.read_text(encoding="utf-8") if file.is_file() else ""
    assert written == contract_text(CONTRACTS[path]), f"schema/{path} is stale: run scripts/schemas"


def test_every_json_schema_is_generated() -> None:
    assert {file.relative_to(SCHEMA).as_posix() for file in SCHEMA.rglob("*.json")} == set(CONTRACTS)


def test_the_folder_holds_text_only() -> None:
    assert [file for file in SCHEMA.rglob("*") if file.suffix.startswith(".py")] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_spec_prints_what_is_checked_in(document: str) -> None:
    printed = CliRunner().invoke(app, ["spec", document])
    assert printed.stdout == (SCHEMA / "documents" / f"{document}.json").read_text(encoding="utf-8")


def test_spec_without_a_name_prints_the_pipelines() -> None:
    assert CliRunner().invoke(app, ["spec"]).stdout == contract_text(DOCUMENTS["pipeline"])


def test_spec_writes_a_file(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["spec", "deploy", "--out", str(tmp_path / "deploy.json")])
    assert (tmp_path / "deploy.json").read_text(encoding="utf-8") == contract_text(DOCUMENTS["deploy"])


def test_spec_of_an_unknown_document_lists_the_known_ones() -> None:
    refused = CliRunner().invoke(app, ["spec", "deplo"])
    assert refused.exit_code == 2
    assert "deploy" in refused.output
