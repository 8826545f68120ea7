"""The committed example: its bytes come from the seed, its labels from the known process, its second span has drifted."""

from __future__ import annotations

import collections
import gzip
import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "learner_retention"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("learner_retention_generate", FOLDER / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_lines(span: int) -> list[str]:
    with gzip.open(
        FOLDER / "exports" / "learners" / str(span) / "learners.jsonl.gz", "rt", encoding="utf-8"
    ) as file:
        return file.read().splitlines()


def parse(lines: list[str]) -> list[dict]:
    documents = []
    for line in lines:
        try:
            documents.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return documents


@pytest.fixture(scope="module", params=[1, 2], ids=["span 1", "span 2"])
def documents(request):
    return parse(read_lines(request.param))


def test_committed_export_comes_from_the_seed(generate, tmp_path):
    generate.write_span(tmp_path, 1, 12_000, seed=7)
    committed = FOLDER / "exports" / "learners" / "1" / "learners.jsonl.gz"
    with gzip.open(tmp_path / "1" / "learners.jsonl.gz") as new, gzip.open(committed) as old:
        assert new.read() == old.read()


def test_committed_export_is_small():
    assert (
        sum(file.stat().st_size for file in FOLDER.rglob("*.gz") if ".penstock" not in file.parts) < 2_000_000
    )


def test_files_together_hold_what_one_file_holds(generate, tmp_path):
    generate.write_span(tmp_path / "one", 1, 500, seed=3)
    generate.write_span(tmp_path / "many", 1, 500, seed=3, files=3)
    parts = sorted((tmp_path / "many" / "1").glob("*.gz"))
    one = gzip.decompress((tmp_path / "one" / "1" / "learners.jsonl.gz").read_bytes())
    assert b"".join(gzip.decompress(part.read_bytes()) for part in parts) == one


def test_there_are_a_few_broken_lines():
    lines = read_lines(1)
    broken = len(lines) - len(parse(lines))
    assert 0 < broken <= len(lines) * 0.0005


def test_documents_are_as_untidy_as_an_app_writes_them(documents):
    ages = collections.Counter(type(d["profile"].get("age", "absent")).__name__ for d in documents)
    assert min(ages["int"], ages["str"], ages["NoneType"]) > 100
    assert any("age" not in d["profile"] for d in documents)
    assert any(isinstance(d["stats"]["minutes"], int) for d in documents)


def test_a_learner_seen_twice_stays_the_same_person(documents):
    by_user = collections.defaultdict(set)
    for document in documents:
        by_user[document["user_id"]].add((document["profile"]["country"], document["signup_at"]["$date"]))
    assert all(len(people) == 1 for people in by_user.values())
    assert len(by_user) < len(documents) * 0.8


def test_identifiers_are_unique(documents):
    assert len({d["_id"]["$oid"] for d in documents}) == len(documents)


def test_true_probability_is_calibrated(generate, documents):
    expected = sum(generate.true_probability(d) for d in documents) / len(documents)
    seen = sum(d["retained_d7"] for d in documents) / len(documents)
    assert seen == pytest.approx(expected, abs=0.012)


def test_best_reachable_auc_leaves_room_and_is_learnable(generate, documents):
    from sklearn.metrics import roc_auc_score

    best = roc_auc_score(
        [d["retained_d7"] for d in documents], [generate.true_probability(d) for d in documents]
    )
    assert 0.80 < best < 0.85


def test_second_span_has_drifted_in_country():
    shares = []
    for span in (1, 2):
        documents = parse(read_lines(span))
        counts = collections.Counter(d["profile"]["country"] for d in documents)
        shares.append({country: n / len(documents) for country, n in counts.items()})
    assert max(abs(shares[0][c] - shares[1][c]) for c in shares[0]) > 0.05


def test_document_is_valid():
    yaml = pytest.importorskip("yaml")
    from pipeline.document.models import PipelineSpec

    spec = PipelineSpec.model_validate(yaml.safe_load((FOLDER / "pipeline.yaml").read_text()))
    assert spec.data.label == "retained_d7"
    assert "email" not in spec.ingested_fields()
