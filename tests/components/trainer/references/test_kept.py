"""References kept beside the Transform graph: found by content, thrown away when damaged, and never a reason to fail."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.trainer.result import ReferencesResult

pytestmark = pytest.mark.component

FOLDER = "Format-References"


class Place:
    """A Transform graph and raw rows of their own, and how often references were made rather than found."""

    def __init__(self, root: Path) -> None:
        self.root, self.graph, self.rows = root, root / "graph", root / "rows"
        self.made = self.asked = 0
        for folder in (self.graph, self.rows):
            folder.mkdir()
            (folder / "content").write_text(folder.name)

    def references(self, task: Any = "binary", seed: int = 1) -> Path:
        from components.trainer.references.kept import kept_references

        self.asked += 1
        target = self.root / f"target-{self.asked}"
        self.told = kept_references(
            str(self.graph), "label", [str(self.rows / "*")], task, seed, target, self._make
        )
        return target

    def _make(self, folder: Path) -> ReferencesResult:
        self.made += 1
        (folder / "variables").mkdir()
        (folder / "variables" / "index").write_bytes(b"0123456789")
        (folder / "saved_model.pb").write_text(f"number {self.made}")
        return ReferencesResult(constant=(0.1, 1 / 3), rows=7, strength=1.0, not_finite=("x",))

    @property
    def kept(self) -> list[Path]:
        return sorted((self.graph / "references").glob("*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def content(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_references_are_made_once_wherever_the_artifact_lies(place: Place) -> None:
    first, told = place.references(), place.told
    assert content(place.references()) == content(first)
    assert place.told == told
    os.utime(place.graph / "content", (1, 1))
    place.graph = place.graph.rename(place.root / "elsewhere")
    assert content(place.references()) == content(first)
    assert place.made == 1


@pytest.mark.parametrize("what", ["graph", "rows", "task", "seed"])
def test_what_references_are_made_of_makes_others(place: Place, what: str) -> None:
    place.references()
    if what in ("graph", "rows"):
        (place.root / what / "another").write_text("x")
    place.references(task="regression" if what == "task" else "binary", seed=2 if what == "seed" else 1)
    assert place.made == 2


def test_rows_kept_beside_the_graph_are_no_part_of_it(place: Place) -> None:
    place.references()
    (place.graph / "rows").mkdir()
    (place.graph / "rows" / "some.npz").write_bytes(b"rows")
    place.references()
    assert place.made == 1


@pytest.mark.parametrize(
    "damage", ["cut short", "altered", "more", "less", "of another content", "no JSON", "told"]
)
def test_damaged_references_are_thrown_away_and_made_anew(
    place: Place, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(place.references())
    (kept,) = place.kept
    damage_one(kept, damage)
    with caplog.at_level(logging.WARNING):
        assert content(place.references())["saved_model.pb"] == b"number 2"
    assert "thrown away" in caplog.text
    assert content(place.references())["saved_model.pb"] == b"number 2"
    assert place.made == 2


def damage_one(kept: Path, damage: str) -> None:
    index, about = kept / "model" / "variables" / "index", kept / "about.json"
    if damage == "of another content":
        other = kept.rename(kept.with_name("0" * 64))
        shutil.copytree(other, kept)
        about.write_text(about.read_text().replace('"checksum": "', '"checksum": "0'))
    elif damage in ("more", "less"):
        (kept / "model" / "more").write_text("x") if damage == "more" else index.unlink()
    elif damage == "told":
        told = json.loads(about.read_text())
        told["result"]["rows"] = 8
        about.write_text(json.dumps(told))
    else:
        file = about if damage == "no JSON" else index
        file.write_bytes({"cut short": b"012345678", "altered": b"0123456780", "no JSON": b"{"}[damage])


def test_a_disk_that_cannot_be_written_costs_nothing_but_time(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.graph / "references").write_text("a file where the folder should be")
    assert content(place.references())["saved_model.pb"] == b"number 1"
    assert "references are not kept" in caplog.text


def test_only_the_newest_are_kept(place: Place) -> None:
    from components.trainer.references.kept import MOST_FOLDERS

    for number in range(MOST_FOLDERS + 3):
        folder = place.graph / "references" / f"{number:064x}"
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    place.references()
    place.references()
    assert len(place.kept) == MOST_FOLDERS
    assert place.made == 1


def test_a_failure_leaves_nothing_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(folder: Path) -> ReferencesResult:
        (folder / "half").write_text("x")
        raise ValueError("no fit")

    monkeypatch.setattr(place, "_make", fails)
    with pytest.raises(ValueError, match="no fit"):
        place.references()
    assert not place.kept
    assert [path.name for path in place.root.iterdir() if "target" in path.name] == []


def test_another_learning_rate_trains_with_the_same_references(
    run_training: Callable[..., SimpleNamespace],
    small_graph: Callable[[str], str],
    tmp_path: Path,
) -> None:
    graph = shutil.copytree(
        small_graph("binary"), tmp_path / "graph", ignore=shutil.ignore_patterns("references")
    )
    one, other = (
        run_training(name=str(rate), learning_rate=rate, steps=1, graph=lambda task: str(graph))
        for rate in (0.01, 0.02)
    )
    folders = [trained.serving.parent / FOLDER for trained in (one, other)]
    assert content(folders[0]) == content(folders[1])
    assert one.history["references"] == other.history["references"]
    assert content(one.serving) != content(other.serving)
