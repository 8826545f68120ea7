"""Inference of a schema that its own data passes and that is still a useful check of the next export.

``tfdv.infer_schema`` alone is too tight for a first run: it lists every text value that happens to occur, requires
every feature in each document, and has no environments.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.schema_gen.config import (
    DOMAIN_MASS,
    ENVIRONMENTS,
    FULL_PRESENCE,
    ID,
    MOST_CATEGORIES,
    PRESENCE_SLACK,
)
from foundation.errors import DataError

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def infer(statistics: Sequence[Statistics], label: str, arrays: Collection[str] = ()) -> schema_pb2.Schema:
    """Infers a schema from the statistics of every split.

    Args:
        statistics: One per split, the train split first; empty splits are ignored.
        label: Feature of the label: in every training document, absent when serving.
        arrays: Features that are arrays, even if each happens to hold at most one item.

    Returns:
        Schema with environments TRAINING and SERVING.

    Raises:
        DataError: There are no statistics, or no document has the label.
    """
    statistics = [split for split in statistics if split.datasets[0].num_examples]
    if not statistics:
        raise DataError("schema", expected="a split that holds documents", seen="none")
    schema = tfdv.infer_schema(
        statistics[0], infer_feature_shape=False, max_string_domain_size=MOST_CATEGORIES
    )
    for further in statistics[1:]:
        schema = tfdv.update_schema(
            schema, further, infer_feature_shape=False, max_string_domain_size=MOST_CATEGORIES
        )
    features = {feature.name: feature for feature in schema.feature}
    if label not in features:
        raise DataError(
            f"label {label!r}", expected="a value in the documents", seen="none", remedy="correct data.label"
        )
    found = [_common(split) for split in statistics]
    for name, feature in features.items():
        commons = [of_split.get(name, (0.0, None)) for of_split in found]
        _loosen(feature, commons, required=name in (label, ID))
        if name in arrays:
            feature.ClearField("value_count")
    _loosen_domains(schema, {ID}, {label})
    schema.default_environment.extend(ENVIRONMENTS)
    features[label].not_in_environment.append(ENVIRONMENTS[1])
    return schema


def _common(split: Statistics) -> dict[str, tuple[float, statistics_pb2.CommonStatistics]]:
    """Returns feature → the share of a split's documents that have it, and its statistics; only of those that any has."""
    (found,) = split.datasets
    commons = {
        ".".join(one.path.step): getattr(one, one.WhichOneof("stats")).common_stats for one in found.features
    }
    return {name: (common.num_non_missing / found.num_examples, common) for name, common in commons.items()}


def _loosen(
    feature: schema_pb2.Feature,
    splits: Sequence[tuple[float, statistics_pb2.CommonStatistics | None]],
    required: bool,
) -> None:
    """Loosens presence, number of values and numeric range of one feature."""
    commons = [common for _, common in splits if common is not None]
    # The split with the smallest share decides: small splits can be below the overall share by chance.
    share = min(share for share, _ in splits)
    feature.ClearField("presence")
    if required or share > 0:
        feature.presence.min_count = 1
        feature.presence.min_fraction = 1.0 if required else presence(share)
    feature.ClearField("int_domain")
    feature.ClearField("float_domain")
    feature.ClearField("value_count")
    if all(c.max_num_values <= 1 for c in commons):
        feature.value_count.min = int(all(c.min_num_values >= 1 for c in commons))
        feature.value_count.max = 1


def presence(share: float) -> float:
    """Returns the share of documents that must have a feature, given the ``share`` that had it."""
    if share >= 1.0:
        return FULL_PRESENCE
    return math.floor(share * (1 - PRESENCE_SLACK) * 100) / 100


def _loosen_domains(schema: schema_pb2.Schema, free: set[str], strict: set[str]) -> None:
    """Drops value lists that are too long or meaningless, and lets the others tolerate rare new values."""
    sizes = {domain.name: len(domain.value) for domain in schema.string_domain}
    for feature in schema.feature:
        if feature.WhichOneof("domain_info") != "domain":
            continue
        if feature.name in free or sizes.get(feature.domain, 0) > MOST_CATEGORIES:
            feature.ClearField("domain")
        elif feature.name not in strict:
            feature.distribution_constraints.min_domain_mass = DOMAIN_MASS
    used = {feature.domain for feature in schema.feature if feature.WhichOneof("domain_info") == "domain"}
    kept = [domain for domain in schema.string_domain if domain.name in used]
    del schema.string_domain[:]
    schema.string_domain.extend(kept)
