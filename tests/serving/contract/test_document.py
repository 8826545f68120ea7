"""The table in docs/serving_contract.md names exactly the tests in this folder."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parents[2] / "docs" / "serving_contract.md"


def test_the_document_and_the_tests_name_each_other() -> None:
    files = [file for file in FOLDER.glob("test_*.py") if file != Path(__file__)]
    there = {
        name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text()))
    assert named == there


def test_the_document_names_the_files() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", DOCUMENT.read_text()))
    assert named == {file.name for file in FOLDER.glob("test_*.py")} - {Path(__file__).name}
