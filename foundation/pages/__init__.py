"""What all pages share: the style sheet's base, and scales of plots."""

from __future__ import annotations

from pathlib import Path


def base_style() -> str:
    """Returns the style sheet that every page begins with: colours in light and dark, head, cards, tables, plots."""
    return (Path(__file__).parent / "base.css").read_text(encoding="utf-8")
