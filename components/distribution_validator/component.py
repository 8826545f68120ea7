"""Declaration of DistributionValidator: the stock TFX component with the document's distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.components.distribution_validator.component import DistributionValidator
from tfx.types.channel import BaseChannel

from components.validation_gate.distances import distribution_config

if TYPE_CHECKING:
    from components.node import Build


def build(at: Build, statistics: BaseChannel, baseline_statistics: BaseChannel) -> DistributionValidator:
    """Returns the node; only train splits are compared."""
    return DistributionValidator(
        statistics=statistics,
        baseline_statistics=baseline_statistics,
        config=distribution_config(at.document.validation.tfdv_drift),
        include_split_pairs=[("train", "train")],
    )
