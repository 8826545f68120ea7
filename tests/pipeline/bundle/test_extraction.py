"""Own code of a bundle is extracted once for all processes, whole, and repaired where it was changed."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.bundle.compiling import package_of
from pipeline.bundle.entries import production_entry
from pipeline.bundle.extraction import extracted
from pipeline.bundle.packaging import CODE
from pipeline.bundle.reading import Bundle
from pipeline.bundle.sidecar import Sidecar
from pipeline.document.loader import load


@pytest.fixture
def packed(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The project's code and schema in a bundle without a pipeline, which takes no TFX to make."""
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    loaded = load([document])
    package, _ = package_of(loaded)
    (tmp_path / CODE).write_bytes(package.archive)
    sidecar = Sidecar(
        name="learners",
        penstock="1",
        code="",
        files={CODE: hashlib.sha256(package.archive).hexdigest()},
        packaged=package.files,
        folder=package.folder,
        root=".penstock",
        export="",
        image=None,
        production=production_entry(loaded.spec),
        parameters=(),
        nodes=(),
    )
    return Bundle(tmp_path, sidecar)


def test_code_is_extracted_once(packed: Bundle) -> None:
    folder = extracted(packed)
    features = folder / "code" / "features.py"
    before = features.stat().st_ino
    assert extracted(packed) == folder and features.stat().st_ino == before


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_code_that_was_changed_is_extracted_again(packed: Bundle, damage: str) -> None:
    features = extracted(packed) / "code" / "features.py"
    features.write_text("broken") if damage == "changed" else features.unlink()
    assert "preprocessing_fn" in (extracted(packed) / "code" / "features.py").read_text()


def test_those_that_extract_at_once_all_find_it_whole(
    packed: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attempt in range(20):
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / str(attempt)))
        with ThreadPoolExecutor(8) as several:
            folders = list(several.map(lambda _: extracted(packed), range(8)))
        assert len(set(folders)) == 1
        left = sorted(path.name for path in folders[0].parent.iterdir())
        assert left == [folders[0].name, f"{folders[0].name}.lock"]
