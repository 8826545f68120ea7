"""A page is followed block by block; the one from laptop to production is, as far as no node runs, in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.follow import REPOSITORY, follow, steps
from tests.side_by_side import importing

PAGE = REPOSITORY / "docs" / "production.md"


def test_blocks_come_in_order_with_their_headings() -> None:
    page = "# P\n## A\n```sh\none\n```\ntext\n```yaml\nno: 1\n```\n## B\n```sh\n# not followed: x\ntwo\n```\n```sh\nthree\n```\n"
    assert list(steps(page)) == [("A", "one\n"), ("B", "three\n")]
    assert list(steps(page, until="B")) == [("A", "one\n")]


def test_following_ends_at_the_first_failure(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("## A\n```sh\ntouch a\nfalse | true\n```\n## B\n```sh\ntouch b\n```\n")
    folder = tmp_path / "empty"
    folder.mkdir()
    assert follow(page, folder) != 0
    assert [file.name for file in folder.iterdir()] == ["a"]


@pytest.mark.component
def test_the_way_to_production_can_be_gone_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in importing().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "empty"
    folder.mkdir()
    assert follow(PAGE, folder, until="One node after the other") == 0, capfd.readouterr().err
    said = capfd.readouterr().out
    assert "train.epochs is 3, in the bundle 2." in said
    assert "Evaluator will run again: the new result of Trainer." in said
