"""The BSON corpus of pymongo's source distribution against our reader of Extended JSON and our decoding of BSON."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import bson
import pymongo
import pytest

from components.exports import extended_json
from components.exports.coerce import kind_of
from components.exports.documents import BSON_OPTIONS
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block

pytestmark = pytest.mark.integration
LOST_TYPES = ("$symbol", "$dbPointer", "$undefined", "$ref")
"""Deprecated types that our reader turns into others: their bytes are not compared, their values are read."""
FETCH_SECONDS = 120
Corpus = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def corpus(request: pytest.FixtureRequest) -> Corpus:
    """The files of the corpus, from the source distribution of the pymongo that is installed."""
    cache: Path = request.config.cache.mkdir("pymongo-sdist")  # type: ignore[union-attr]
    wanted = f"pymongo-{pymongo.version}.tar.gz"
    if not (cache / wanted).is_file():
        options = ["-q", "--no-deps", "--no-binary", "pymongo", "--dest", str(cache)]
        command = [sys.executable, "-m", "pip", "download", *options, f"pymongo=={pymongo.version}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"PyPI did not answer in {FETCH_SECONDS} s")
        if done.returncode:
            pytest.skip(f"pymongo's source distribution cannot be fetched: {done.stderr.strip()[-200:]}")
    with tarfile.open(cache / wanted) as archive:
        members = [
            m for m in archive.getmembers() if "/test/bson_corpus/" in m.name and m.name.endswith(".json")
        ]
        return {Path(m.name).stem: json.load(archive.extractfile(m)) for m in members}  # type: ignore[arg-type]


def _valid(corpus: Corpus) -> list[tuple[str, str, dict[str, Any]]]:
    kinds = ("canonical_extjson", "relaxed_extjson", "degenerate_extjson")
    cases = [(name, case) for name, file in corpus.items() for case in file.get("valid", [])]
    return [
        (name, case[kind], {**case, "kind": kind}) for name, case in cases for kind in kinds if kind in case
    ]


def _same(text: str, case: dict[str, Any]) -> bool:
    found, wanted = extended_json.loads(text), bytes.fromhex(case["canonical_bson"])
    if any(lost in text for lost in LOST_TYPES):
        return True
    if (
        case["kind"] == "relaxed_extjson"
    ):  # relaxed text does not say how wide a number is: values are compared
        return repr(_plain(found)) == repr(_plain(bson.decode(wanted, BSON_OPTIONS)))
    return bool(bson.encode(found) == wanted)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if type(value).__name__ == "Int64" else value


def _refused(function: Any, data: Any, error: type[Exception]) -> bool:
    try:
        function(data)
    except error:
        return True
    return False


def test_valid_documents_score(corpus: Corpus) -> None:
    cases = _valid(corpus)
    lost = Counter(name for name, text, case in cases if not _same(text, case))
    assert (len(cases), sum(lost.values())) == (1083, 9)
    assert set(lost) <= {"double", "decimal128-1", "decimal128-2", "decimal128-3"}


def test_parse_errors_score(corpus: Corpus) -> None:
    texts = [case["string"] for file in corpus.values() for case in file.get("parseErrors", [])]
    taken = [t for t in texts if not _refused(extended_json.loads, t, extended_json.ExtendedJsonError)]
    assert (len(texts), len(taken)) == (180, 3)


def test_decode_errors_score(corpus: Corpus) -> None:
    decode, _ = FORMATS["bson"].decoder(Block([], 0))
    raws = [bytes.fromhex(case["bson"]) for file in corpus.values() for case in file.get("decodeErrors", [])]
    taken = [raw for raw in raws if not _refused(decode, raw, BadDocumentError)]
    assert (len(raws), len(taken)) == (75, 0)


def test_every_type_of_the_corpus_has_a_kind(corpus: Corpus) -> None:
    """No value of a valid document is unknown to the table of types."""
    for name, text, case in _valid(corpus):
        for value in [*extended_json.loads(text).values(), *_decoded(case).values()]:
            assert isinstance(value, list) or kind_of(value), name


def _decoded(case: dict[str, Any]) -> dict[str, Any]:
    return dict(bson.decode(bytes.fromhex(case["canonical_bson"]), BSON_OPTIONS))
