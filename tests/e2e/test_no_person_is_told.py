"""A run writes and says nothing of single people that its rules do not let through: every byte is searched."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from pipeline.cli.main import main

DOCUMENT = """
name: people
data:
  mongo_export: export.jsonl
  fields: {{{field}, mail: mail, born: {{to: born, type: date}}, city: city, y: {{to: y, type: int}}}}
  label: y
  bad_documents: {{fail_above: 20%}}
  privacy: {{rules: {{mail: {{truncate: email}}, born: {{generalise: year}}}}}}
root: root
validate: {{on_anomaly: warn}}
features: {{x: zscore, city: {{vocabulary: 10}}}}
evaluate: {{metrics: [auc], gates: {{auc: 0.0}}}}
push: {{to: served}}
"""
LONE = -1_224_460_800_000  # 1931-03-14, as one document has it
MARKS = (b"canary", b"1931-03-14", b"1931-03", b"-1224460800000")


def project(folder: Path) -> None:
    documents = [
        {
            "_id": n,
            "y": n % 2,
            "x": n / 7,
            "city": "Porto" if n % 3 else "Faro",
            "mail": f"canary{n}@example.org",
            "born": {"$date": {"$numberLong": str(LONE if n == 9 else n * 86_400_000)}},
            "by": {f"canary{n}@example.org": 1},
            "note": f"call canary {n}",
        }
        for n in range(400)
    ]
    documents[5]["xcanary"] = documents[6]["xcanary@x"] = 1
    lines = [*map(json.dumps, documents), '{"_id": "canary", "y": 1']
    (folder / "export.jsonl").write_text("\n".join(lines) + "\n")


def everything(folder: Path) -> dict[Path, bytes]:
    """All files but the export and the quarantine, unpacked."""
    ours = ("export.jsonl", "quarantine", "pipeline.yaml")
    files = [
        file for file in folder.rglob("*") if file.is_file() and file.relative_to(folder).parts[0] not in ours
    ]
    return {
        file: gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for file in files
    }


@pytest.mark.e2e
def test_every_byte_of_a_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    project(tmp_path)
    document = tmp_path / "pipeline.yaml"
    for field, code in (("xcanar: x", 3), ("x: x", 0)):
        document.write_text(DOCUMENT.format(field=field))
        assert main(["run", "-f", str(document), "--to", "ValidationGate"]) == code
        shown = "".join(capfd.readouterr())
        assert not [mark for mark in MARKS if mark in shown.encode()]
    written = everything(tmp_path)
    assert {"FeatureStats.pb", "ingestion.json", "report.html"} <= {file.name for file in written}
    for file, content in written.items():
        assert not [mark for mark in MARKS if mark in content], file
