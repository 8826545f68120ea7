"""TFDV's distances between two distributions of a feature, with what they are between equal ones.

TFDV's L-infinity distance of a numeric feature is silently 0, so it is refused here; numbers need Jensen-Shannon.
"""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.proto import distribution_validator_pb2

from components.validation_gate.calibrated.columns import Column
from components.validation_gate.calibrated.null_range import usual_distance
from components.validation_gate.config import DistanceConfig
from components.validation_gate.findings import Statistics, feature_statistics
from components.validation_gate.result import Distance, Outcome
from foundation.errors import DataError

FORMULAS = {
    "l_infinity": "largest difference in any value's share",
    "jensen_shannon": "Jensen-Shannon divergence to base 2, of the values' histograms",
}
"""Distance → what it measures."""
ONE_SIDE_EMPTY = "no distance because one side has no values"

Sides = Mapping[str, tuple[Column, Column]]
"""Feature → its values in the reference and in what is compared with it."""


def distribution_config(
    checks: Mapping[str, DistanceConfig],
) -> distribution_validator_pb2.DistributionValidatorConfig:
    """Returns the stock DistributionValidator's configuration for the checks that TFDV measures."""
    config = distribution_validator_pb2.DistributionValidatorConfig()
    for name, check in checks.items():
        if check.calibrated is None:
            feature = config.default_slice_config.feature.add()
            feature.path.step.append(name)
            _set(feature.distribution_comparator, check)
    return config


def _set(comparator: object, check: DistanceConfig) -> None:
    kind, threshold = measure(check)
    field = "infinity_norm" if kind == "l_infinity" else "jensen_shannon_divergence"
    getattr(comparator, field).threshold = threshold


def measure(check: DistanceConfig) -> tuple[str, float]:
    """Returns a check's distance and its limit."""
    name = next(name for name in type(check).model_fields if getattr(check, name) is not None)
    return name, getattr(check, name)


def refuse_unmeasurable(checks: Mapping[str, DistanceConfig], statistics: Statistics, where: str) -> None:
    """Refuses a check for which TFDV returns 0 whatever the data, and one of a feature that is not there.

    Args:
        checks: Feature → limit.
        statistics: Statistics of the train split.
        where: Key of the document, ``validate.drift`` or ``validate.train_test``.

    Raises:
        DataError: The feature is in no document, or L-infinity is used for a number.
    """
    text = statistics_pb2.FeatureNameStatistics.STRING
    for name, check in checks.items():
        found = feature_statistics(statistics, name)
        if found is None:
            raise DataError(
                f"{where}.{name}", expected="a feature of the documents", seen="no document has it"
            )
        if check.l_infinity is not None and found.type != text:
            kind = statistics_pb2.FeatureNameStatistics.Type.Name(found.type)
            raise DataError(
                f"{where}.{name}",
                expected="text for l_infinity",
                seen=f"numbers ({kind})",
                remedy="use calibrated, or jensen_shannon",
            )


def compare(
    checks: Mapping[str, DistanceConfig], ours: Statistics, theirs: Statistics
) -> anomalies_pb2.Anomalies:
    """Returns TFDV's comparison of two splits, as the stock DistributionValidator compares two spans."""
    import tensorflow_data_validation as tfdv  # it loads TensorFlow, and few documents ask for its distances

    schema = tfdv.infer_schema(theirs)
    for feature in schema.feature:
        if feature.name in checks:
            _set(feature.drift_comparator, checks[feature.name])
    return tfdv.validate_statistics(ours, schema, previous_statistics=theirs)


def distances(
    checks: Mapping[str, DistanceConfig], compared: anomalies_pb2.Anomalies, sides: Sides
) -> list[Distance]:
    """Returns every distance that TFDV measured, with what it is between equal data at these numbers of rows.

    Args:
        checks: Feature → limit.
        compared: TFDV's comparison.
        sides: The values behind it, as far as they can be read.
    """
    measured = {
        ".".join(info.path.step): entry.value
        for info in compared.drift_skew_info
        for entry in (*info.drift_measurements, *info.skew_measurements)
    }
    return [
        _distance(name, *measure(check), measured.get(name), sides.get(name))
        for name, check in checks.items()
    ]


def _distance(
    name: str, kind: str, limit: float, value: float | None, pair: tuple[Column, Column] | None
) -> Distance:
    before, now = pair or (None, None)
    usual = usual_distance(kind, before, now) if before and now else None
    outcome: Outcome = "within bound"
    note = ""
    if value is None:
        outcome, note = "not measured", ONE_SIDE_EMPTY
    elif value > limit:
        outcome = "beyond bound"
    if usual is not None and usual > limit:
        note = f"equal data exceed this bound too: 1 in 20 comparisons of as many rows reaches {usual:.3g}; use calibrated"
    return Distance(
        name,
        kind,
        FORMULAS[kind],
        value,
        limit,
        outcome,
        note,
        usual,
        now.rows if now else None,
        before.rows if before else None,
    )
