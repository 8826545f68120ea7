"""The distances of which the usual range is simulated are those that TFDV computes."""

from __future__ import annotations

import numpy as np
import pytest

from components.validation_gate.calibrated.null_range import _numbers

pytestmark = pytest.mark.component

SAMPLES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "log-normal": lambda rng, n: rng.lognormal(3, 1, n),
    "counts": lambda rng, n: rng.poisson(3, n),
    "weekdays": lambda rng, n: rng.integers(0, 7, n),
    "outlier": lambda rng, n: np.append(rng.normal(size=n - 1), 1e6),
}


@pytest.mark.parametrize("draw", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_divergence_of_numbers_is_tfdvs(draw):
    import pandas as pd
    import tensorflow_data_validation as tfdv

    rng = np.random.default_rng(0)
    now, before = draw(rng, 800), draw(rng, 900)
    ours, theirs = (
        tfdv.generate_statistics_from_dataframe(pd.DataFrame({"x": side})) for side in (now, before)
    )
    schema = tfdv.infer_schema(theirs)
    schema.feature[0].drift_comparator.jensen_shannon_divergence.threshold = 1e-9
    found = tfdv.validate_statistics(ours, schema, previous_statistics=theirs)
    expected = found.drift_skew_info[0].drift_measurements[0].value
    mine = _numbers(np.sort(now.astype(np.float64)), np.sort(before.astype(np.float64)))
    assert mine == pytest.approx(expected, rel=0.02, abs=1e-6)
