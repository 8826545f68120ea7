"""Whatever clients and models send, each row is logged and can be read again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from serving.experiments.metrics.metrics import Metrics
from tests.serving.experiments.log.logged import choice, outcome, rows

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just({"b64": "/wA="})),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)),
    max_leaves=6,
)  # fmt: skip
ROWS = st.lists(
    st.one_of(VALUES, st.dictionaries(st.sampled_from(["x", "y", "", "a.b", "é"]), VALUES)), max_size=4
)


@st.composite
def outcomes(draw: st.DrawFn) -> Any:
    inputs, answers = draw(ROWS), draw(ROWS)
    code = draw(st.sampled_from([0, 0, 0, 3, 14]))
    return outcome(draw(st.integers(0, 99)), inputs=inputs, answer=answers, code=code)


@given(st.lists(st.lists(outcomes(), max_size=4), max_size=3))
@settings(max_examples=25, deadline=None)
def test_every_answer_has_its_rows(batches: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rules = {"x": {"generalise": 10}, "y": "hash", "a": {"truncate": 2}}
        config = LogConfig.model_validate({"rows": 2, "privacy": {"rules": rules, "key_env": "KEY"}})
        log = PredictionLog(config, folder, environment={"KEY": "k" * 32})
        metrics = Metrics(log.reader, log)
        for batch in batches:
            answers = [(choice(), one) for one in batch]
            log.take(answers, [(choice(), "copy", one) for one in batch[:1]])
            metrics.take(answers)
        log.close()
        assert not log.dropped
        assert b"penstock_failures_total{" not in metrics.exposition()[0]
        everything = [one for batch in batches for one in [*batch, *batch[:1]]]
        found = rows(Path(folder) / "predictions", shadows=True) if everything else []
        expected: list[str] = []
        for one in everything:
            count = len(json.loads(one.request)["instances"]) or (
                len(json.loads(one.response)["predictions"]) if not one.code else 0
            )
            expected += [one.request_id] * min(max(count, 1), 2)
        assert sorted(row["request_id"] for row in found) == sorted(expected)
