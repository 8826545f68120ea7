"""An ingestion that is killed leaves raw documents to nobody: private while it runs, gone with the next run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

INGEST = """
import sys
from pathlib import Path
import apache_beam as beam
from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen import worker
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.ingest import ingest
from components.mongo_example_gen.plan import make_plan
from components.mongo_example_gen.reading import Request

folder, number = Path(sys.argv[1]), sys.argv[2]
config = DataConfig.model_validate_json(sys.argv[3])
request = Request(config, make_plan(config, {"y": FieldConfig()}, True), resolve(config.mongo_export, folder), folder, folder / "root" / number)
if number == "killed":
    held = worker.convert_block
    def wait(*arguments, **named):
        found = held(*arguments, **named)
        worker._ItemWriter._write = lambda *_: (print("ready", flush=True), sys.stdin.read())
        return found
    worker.convert_block = wait
ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))
"""
CANARY = "ada.canary@example.org"


def documents() -> list[str]:
    lines = [json.dumps({"_id": n, "y": n % 2, "mail": CANARY}) for n in range(400)]
    return [*lines, *(json.dumps({"_id": n, "mail": CANARY, "more": "x" * 2000})[:-1] for n in range(100))]


def run(folder: Path, number: str, config: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, str(folder), number, json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def holding(folder: Path) -> list[Path]:
    """Returns all files outside the export that hold the canary."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "export.jsonl" and CANARY.encode() in file.read_bytes()
    ]


@pytest.mark.component
@pytest.mark.parametrize("changes", [{}, {"changes": {}}], ids=["documents", "changes"])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "export.jsonl").write_text("\n".join(documents()) + "\n")
    config = {"mongo_export": "export.jsonl", "label": "y", "bad_documents": {"fail_above": 0.99}, **changes}
    killed = run(tmp_path, "killed", config)
    assert killed.stdout is not None and killed.stdout.readline() == b"ready\n"
    left = holding(tmp_path)
    assert left, "nothing was written yet"
    for path in left:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.relative_to(tmp_path).parts[0] == "quarantine"
        assert (tmp_path / "quarantine").stat().st_mode & 0o777 == 0o700
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    again = run(tmp_path, "again", config)
    _, said = again.communicate()
    assert again.returncode == 0, said.decode()
    (kept,) = holding(tmp_path)
    assert kept.name == "bad-00000.jsonl" and kept.stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "quarantine").rglob(".*"))
