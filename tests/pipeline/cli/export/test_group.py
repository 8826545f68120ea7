"""``penstock export`` without the name of a command exports a collection."""

from __future__ import annotations

import pytest

from pipeline.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["shop", "orders", "--to", "s3:///"],
        ["--to", "s3:///", "shop", "orders"],
        ["collection", "shop", "orders", "--to", "s3:///"],
        ["collection", "collection", "orders", "--to", "s3:///"],
    ],
    ids=["short", "options-first", "named", "a-database-named-as-a-command"],
)
def test_a_collection_is_the_default(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *arguments]) != 0
    assert "expected a local folder, s3:// or gs://" in capsys.readouterr().err


def test_help_lists_what_can_be_exported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "-h"]) == 0
    assert "DATABASE COLLECTION" in capsys.readouterr().out
