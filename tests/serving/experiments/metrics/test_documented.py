"""The page on metrics names every family, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from serving.experiments.metrics import families

PAGE = Path(__file__).resolve().parents[4] / "docs" / "metrics.md"


def test_every_family_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(penstock_\w+)`", text))
    named |= {f"penstock_prediction{end}" for end in re.findall(r"`(_(?:min|max|stddev))`", text)}
    known = {family.name + ("_total" if family.kind == "counter" else "") for family in families.FAMILIES}
    assert named == known
