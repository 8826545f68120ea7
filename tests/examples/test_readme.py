"""What the README shows exists and is right: its document, its links, its commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from pipeline.cli.main import app
from pipeline.document.models import PipelineSpec

REPOSITORY = Path(__file__).parents[2]
READMES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "examples").glob("*/README.md"))]


def test_document_of_the_readme_is_valid():
    shown = re.search(r"```yaml\n(.*?)```", READMES[0].read_text(), re.DOTALL)[1]
    assert PipelineSpec.model_validate(yaml.safe_load(shown)).data.label == "retained_d7"


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_links_lead_somewhere(readme):
    text = readme.read_text()
    links = [*re.findall(r"\]\(([^)#:]+)\)", text), *re.findall(r'src(?:set)?="([^"]+)"', text)]
    assert [link for link in links if not (readme.parent / link).exists()] == []


def test_command_table_names_every_command():
    table = READMES[0].read_text().partition("## Commands")[2].partition("## Read on")[0]
    named = set(
        re.findall(
            r"`([a-z-]+)",
            "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")),
        )
    )
    commands = set(get_command(app).commands)
    assert commands - named == set()
    assert named - commands == set()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_example_readmes_fit_on_a_screen(readme):
    assert len(readme.read_text().splitlines()) <= (60 if "examples" in readme.parts else 140)
