"""Every declared comparison is in the report: measured, or with the reason why not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from components.validation_gate.config import PRACTICAL, ValidateConfig
from components.validation_gate.result import Distance
from components.validation_gate.sample import evenly

pytestmark = pytest.mark.component


def compared(tmp_path: Path, reference: Path | None, **more):
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.validation_gate.comparisons import Comparison

    checks = ValidateConfig.model_validate(
        {"drift": {"age": "calibrated", "city": "calibrated", "gone": {"calibrated": 0.1}}}
    ).drift
    told = Comparison("drift", reference, tmp_path / "now", ("user",), (), schema_pb2.Schema(), **more)
    return {row.feature: row for row in told.measure(checks, None, "there is no earlier span")}


def written(folder: Path, rows: int, seed: int, shift: float = 0.0) -> Path:
    from tensorflow.core.example import example_pb2

    from foundation.tfrecord import framed_batch

    rng = np.random.default_rng(seed)
    records = []
    for number in range(rows):
        example = example_pb2.Example()
        feature = example.features.feature
        feature["_id"].bytes_list.value.append(f"{seed}-{number}".encode())
        feature["user"].bytes_list.value.append(f"{seed}-{number // 2}".encode())
        if number % 10:
            feature["age"].float_list.value.append(rng.normal(shift))
        feature["city"].bytes_list.value.extend([b"Faro", b"Porto"][: rng.integers(0, 3)])
        records.append(example.SerializeToString())
    folder.mkdir()
    import gzip

    (folder / "data.gz").write_bytes(gzip.compress(framed_batch(records)))
    return folder


def test_without_an_earlier_span_every_check_says_so(tmp_path):
    rows = compared(written(tmp_path / "now", 10, 0).parent, None)
    assert {(row.outcome, row.note) for row in rows.values()} == {
        ("not measured", "there is no earlier span")
    }
    assert rows["gone"].limit == 0.1
    assert rows["age"].limit == PRACTICAL


def test_numbers_arrays_and_what_is_missing_are_compared(tmp_path):
    before = written(tmp_path / "before", 2_000, 1)
    written(tmp_path / "now", 2_000, 2, shift=0.5)
    rows = compared(tmp_path, before)
    assert rows["age"].outcome == "beyond bound"
    assert rows["city"].outcome == "within bound"
    assert {bin.label for bin in rows["city"].bins} == {"Faro", "Porto", "missing"}
    assert next(bin.before for bin in rows["age"].bins if bin.label == "missing") == pytest.approx(0.1)
    assert rows["age"].reference_rows == 2_000
    assert rows["gone"].outcome == "within bound"
    assert "independent" not in rows["age"].formula


def test_a_key_that_no_field_reads_is_said_to_be_left_out(tmp_path):
    before = written(tmp_path / "before", 50, 1)
    written(tmp_path / "now", 50, 2)
    rows = compared(tmp_path, before, uncounted_key="user_id")
    assert "rows of one user_id count as independent" in rows["age"].formula


def test_what_is_beyond_its_bound_is_a_finding_and_what_has_no_reference_is_not():
    from components.validation_gate.comparisons import findings

    rows = [
        Distance("age", "calibrated", "PSI", 0.3, 0.02, "beyond bound", rows=10, reference_rows=9, p=1e-9),
        Distance("city", "calibrated", "PSI", None, 0.02, "not measured", "there is no earlier span"),
        Distance("plan", "calibrated", "PSI", 0.01, 0.02, "too few rows"),
    ]
    (found,) = findings("drift", rows, True)
    assert (found.feature, found.stops) == ("age", True)
    assert "p < 1e-6" in found.seen


@pytest.mark.parametrize(
    ("records", "most", "kept"), [(5, 10, 5), (19, 10, 19), (20, 10, 10), (1_000, 10, 16)]
)
def test_a_sample_is_spread_evenly(records, most, kept):
    found = [int(record) for record in evenly((str(i).encode() for i in range(records)), most)]
    assert len(found) == kept
    assert len({b - a for a, b in itertools.pairwise(found)}) == 1
