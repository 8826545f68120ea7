"""Inference apart from protocols: which signature, which inputs, which errors; prepared, run and finished."""

from __future__ import annotations

from serving.server.inference.predict import PredictResult
from serving.server.inference.service import Inference

__all__ = ["Inference", "PredictResult"]
