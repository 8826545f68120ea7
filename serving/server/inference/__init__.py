"""Inference independent of protocols: finds signatures, checks inputs, runs sessions, raises errors."""

from __future__ import annotations

from serving.server.inference.predict import PredictResult
from serving.server.inference.service import Inference

__all__ = ["Inference", "PredictResult"]
