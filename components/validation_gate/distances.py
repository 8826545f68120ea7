"""Distances between two distributions of a feature: from the previous span, and train from test.

TFDV's L-infinity distance of a numeric feature is silently 0, so it is refused here; numbers need Jensen-Shannon.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.proto import distribution_validator_pb2

from components.validation_gate.config import DistanceConfig
from components.validation_gate.findings import Statistics, feature_statistics
from components.validation_gate.result import Distance, Finding
from foundation.errors import DataError

FORMULAS = {
    "l_infinity": "largest difference in any value's share",
    "jensen_shannon": "Jensen-Shannon divergence to base 2, of the values' histograms",
}
"""Distance → what it measures."""


def distribution_config(
    checks: Mapping[str, DistanceConfig],
) -> distribution_validator_pb2.DistributionValidatorConfig:
    """Returns the stock DistributionValidator's configuration for the document's checks."""
    config = distribution_validator_pb2.DistributionValidatorConfig()
    for name, check in checks.items():
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
    if check.l_infinity is not None:
        return "l_infinity", check.l_infinity
    assert check.jensen_shannon is not None, "the configuration has exactly one of the two"
    return "jensen_shannon", check.jensen_shannon


def refuse_unmeasurable(checks: Mapping[str, DistanceConfig], statistics: Statistics, where: str) -> None:
    """Refuses a check for which TFDV returns 0 whatever the data.

    Args:
        checks: Feature → limit.
        statistics: Statistics of the train split.
        where: Key of the document, ``validate.drift`` or ``validate.skew``.

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
                remedy="use jensen_shannon",
            )


def compare(
    checks: Mapping[str, DistanceConfig], ours: Statistics, theirs: Statistics
) -> anomalies_pb2.Anomalies:
    """Returns TFDV's comparison of two splits, as the stock DistributionValidator compares two spans."""
    schema = tfdv.infer_schema(theirs)
    for feature in schema.feature:
        if feature.name in checks:
            _set(feature.drift_comparator, checks[feature.name])
    return tfdv.validate_statistics(ours, schema, previous_statistics=theirs)


def distances(
    kind: str, checks: Mapping[str, DistanceConfig], compared: anomalies_pb2.Anomalies | None, stops: bool
) -> tuple[list[Distance], list[Finding]]:
    """Returns every measured distance, and a finding for each that exceeds its limit or could not be measured.

    Args:
        kind: ``drift`` or ``skew``.
        checks: Feature → limit.
        compared: TFDV's comparison; None if there is nothing to compare with.
        stops: Whether a finding stops the run.
    """
    if compared is None:
        return [], []
    measured = {
        ".".join(info.path.step): entry.value
        for info in compared.drift_skew_info
        for entry in info.drift_measurements
    } | {
        ".".join(info.path.step): entry.value
        for info in compared.drift_skew_info
        for entry in info.skew_measurements
    }
    rows, findings = [], []
    for name, check in checks.items():
        what, limit = measure(check)
        value = measured.get(name)
        rows.append(Distance(name, what, FORMULAS[what], value, limit))
        expected = f"a distance of at most {limit:g} from {OTHER[kind]} ({FORMULAS[what]})"
        if value is None:
            findings.append(
                Finding(kind, name, expected, "no distance because one side has no values", None, stops)
            )
        elif value > limit:
            findings.append(Finding(kind, name, expected, f"{value:.4f}", None, stops))
    return rows, findings


OTHER = {"drift": "the previous span", "skew": "the test split"}
