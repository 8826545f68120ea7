"""Temporaries: private while they are used, swept once their process is gone, never before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import temporaries
from foundation.publish import published_file, published_folder, write_text

HOLD = """
import sys, time
from pathlib import Path
from foundation import temporaries
from foundation.publish import published_file, published_folder
place = Path(sys.argv[1])
folder = temporaries.make_folder(place, "rows")
(folder.path / "raw").write_bytes(b"ada@example.org")
with published_file(place / "predictions.jsonl") as file, published_folder(place / "model") as model:
    file.write_bytes(b"ada@example.org")
    (model / "raw").write_bytes(b"ada@example.org")
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A process that holds a temporary of each kind; it is ended at the end of the test."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    yield process  # type: ignore[misc]
    process.kill()
    process.communicate()


def test_only_their_owner_can_read_them(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    made = sorted(tmp_path.iterdir())
    assert [path.name.split(".")[1] for path in made] == ["model", "predictions", "rows"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o600, 0o700]


def test_what_a_living_process_uses_stays(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    made = sorted(tmp_path.iterdir())
    assert temporaries.leftovers(tmp_path) == temporaries.sweep(tmp_path) == []
    write_text(tmp_path / "predictions.jsonl", "another process publishes the same name")
    assert all(path.exists() for path in made)


def test_what_a_killed_process_left_is_found_and_removed(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    made = sorted(tmp_path.iterdir())
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert temporaries.leftovers(tmp_path) == made
    assert temporaries.sweep(tmp_path, "rows") == made[2:]
    assert temporaries.sweep(tmp_path) == made[:2] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["predictions.jsonl", "model"])
def test_publishing_the_name_again_removes_what_was_left(
    tmp_path: Path, holder: subprocess.Popen[bytes], name: str
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with published_folder(tmp_path / name) if name == "model" else published_file(tmp_path / name):
        pass
    assert not list(tmp_path.glob(f".{name}.*"))


def test_published_files_and_folders_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual/file").touch()
    write_text(tmp_path / "a", "text")
    with published_folder(tmp_path / "b"):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual/file").stat().st_mode
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert not list((tmp_path / "b").iterdir())


def test_other_peoples_files_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / ".notes.tmp").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / ".link.01234567.tmp").symlink_to(tmp_path / "kept")
    inside = tmp_path / ".x.89abcdef.tmp"
    inside.mkdir()
    (inside / ".lock").symlink_to(tmp_path / "target")
    assert temporaries.sweep(tmp_path) == [] == temporaries.sweep(tmp_path / "none")
    assert (tmp_path / "kept").is_dir() and inside.is_dir() and not (tmp_path / "target").exists()


def test_a_folder_that_is_swept_while_it_is_made_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter([".x.00000000.tmp", ".x.00000001.tmp"])
    monkeypatch.setattr(temporaries, "temporary_name", lambda name: next(names))
    chmod = Path.chmod

    def swept(self: Path, mode: int) -> None:
        if self.name == ".x.00000000.tmp":
            assert temporaries.sweep(tmp_path) == [self]
        chmod(self, mode)

    monkeypatch.setattr(Path, "chmod", swept)
    made = temporaries.make_folder(tmp_path, "x")
    assert made.path.name == ".x.00000001.tmp" and os.listdir(tmp_path) == [made.path.name]
    made.discard()
    assert os.listdir(tmp_path) == []
