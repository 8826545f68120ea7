"""An experiment for a pipeline that pushes to a store begins with the versions that are there."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.storage_remote import Address
from foundation.stores.opening import open_store
from pipeline.cli.main import main
from tests import object_stores
from tests.object_stores import BUCKET

DOCUMENT = """
name: learners
data: {mongo_export: x.jsonl, label: y}
features: {a: zscore}
evaluate: {metrics: [auc], gates: none}
push: {to: PLACE}
"""


@pytest.mark.parametrize("numbers", [(), (3, 7, 9)], ids=["none", "three"])
def test_the_two_newest_become_the_arms(
    numbers: tuple[int, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with object_stores.s3() as variables:
        for name, value in {**variables, "PENSTOCK_CACHE": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        store, key = open_store(Address(place))
        for number in numbers:
            store.put(f"{key}/{number}/saved_model.pb", b"model")
        (tmp_path / "pipeline.yaml").write_text(DOCUMENT.replace("PLACE", place))
        out = tmp_path / "experiments.yaml"
        code = main(["experiment", "init", str(tmp_path), "-o", str(out)])
    if not numbers:
        assert code == 3 and f"{place}; expected a pushed model" in capsys.readouterr().err
        return
    assert code == 0
    said = out.read_text()
    assert "old: {version: 7" in said and "new: {version: 9" in said
