"""A project with own code, a data file, a reviewed schema and two spans, and its bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.bundle.compiling import compile_bundle
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.document.loader import load
from tests.side_by_side import once

DOCUMENT = """\
name: learners
schema: schema.pbtxt
data:
  mongo_export: exports/{SPAN}/*.jsonl
  fields: {stats.lessons: {to: lessons, type: int}, country: country}
  label: retained
features: code/features.py:preprocessing_fn
validate: {drift: {country: {jensen_shannon: 0.1}}}
train: {steps: 100}
tune: {trials: 2}
evaluate: {metrics: [auc], gates: {auc: 0.7}}
push: {to: served}
infer: {mongo_export: 'new/{SPAN}/*.jsonl', to: predictions}
production:
  schedule: "0 3 * * *"
  start: "2026-01-01"
  image: registry/penstock:1
  retries: 3
  resources: {cpu: 1, memory: 2Gi}
  nodes: {Trainer: {timeout: 6h, retries: 1, pool: gpu, resources: {gpu: 1}}}
  on_failure: {env: HOOK}
  parameters: [train.steps, evaluate.gates, model.dropout]
"""
FILES = {
    "pipeline.yaml": DOCUMENT,
    "schema.pbtxt": 'feature { name: "lessons" type: INT }\nfeature { name: "country" type: BYTES }\n',
    "code/features.py": (
        "from pathlib import Path\n"
        "from scaling import scaled\n"
        'COUNTRIES = Path(__file__).with_name("countries.txt").read_text().split()\n'
        "def preprocessing_fn(inputs):\n    return scaled(inputs)\n"
    ),
    "code/scaling.py": "def scaled(inputs):\n    return dict(inputs)\n",
    "code/countries.txt": "CH\nDE\n",
    "code/unrelated.py": "SECRET = 1\n",
    ".env": "PASSWORD=very-secret\n",
    "exports/1/a.jsonl": '{"stats": {"lessons": 1}, "country": "CH", "retained": true}\n',
    "exports/2/a.jsonl": '{"stats": {"lessons": 2}, "country": "DE", "retained": false}\n',
    "new/1/a.jsonl": '{"stats": {"lessons": 3}, "country": "CH"}\n',
    "new/2/a.jsonl": '{"stats": {"lessons": 4}, "country": "CH"}\n',
}


def write_project(folder: Path) -> Path:
    """Writes the project; returns its document."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "pipeline.yaml"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The project in a folder of its own."""
    return write_project(tmp_path / "project")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project's bundle, beside the folder ``project``; nobody writes to it."""

    def build(folder: Path) -> None:
        compile_bundle(load([write_project(folder / "project")]), folder / "bundles")

    return next((once(tmp_path_factory, "bundle", build) / "bundles").iterdir())


@pytest.fixture
def bundle(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The project's bundle, with a cache of its own."""
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    return open_bundle(compiled)


@pytest.fixture
def home(compiled: Path) -> Path:
    """The folder that the project's exports are in."""
    return compiled.parents[1] / "project"
