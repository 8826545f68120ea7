"""Reports what the privacy policy did, for ``ingestion.json`` and lineage: names and counts, never values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.exports import tally as count
from components.exports.tally import Tally
from components.mongo_example_gen.plan import Plan
from components.mongo_example_gen.privacy.groups import anonymity
from foundation.privacy import key_id, read_key


def privacy_section(
    tally: Tally, plan: Plan, groups: Mapping[str, Sequence[Path]], folder: Path
) -> dict[str, Any]:
    """Returns the section of the report.

    Args:
        tally: All counts.
        plan: The plan.
        groups: Split → files of quasi-identifier digests.
        folder: Where temporary files may be written.
    """
    policy = plan.privacy
    section: dict[str, Any] = {
        "rules": {name: rule.name for name, rule in policy.rules.items()},
        "key_id": key_id(read_key(policy)),
        "suspected": _suspected(tally),
    }
    if policy.quasi_identifiers:
        every = [file for files in groups.values() for file in files]
        section["anonymity"] = {
            "quasi_identifiers": list(policy.quasi_identifiers),
            "k": policy.k,
            "overall": anonymity(every, folder, policy.k),
            "splits": {split: anonymity(files, folder, policy.k) for split, files in groups.items()},
        }
    return section


def _suspected(tally: Tally) -> list[dict[str, Any]]:
    counts = count.sections(tally)
    features = sorted(head[1] for head in counts if head[0] == "suspected")
    return [
        {
            "feature": feature,
            "looked_at": tally[count.looked_at(feature)],
            "kinds": counts["suspected", feature],
        }
        for feature in features
    ]
