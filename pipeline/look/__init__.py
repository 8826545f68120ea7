"""Profiles an export without TensorFlow: its shape, and how that differs from another export's."""

from __future__ import annotations

from pipeline.look.drift import Difference, differences
from pipeline.look.profile import SAMPLE, Look, PathProfile, look

__all__ = ["SAMPLE", "Difference", "Look", "PathProfile", "differences", "look"]
