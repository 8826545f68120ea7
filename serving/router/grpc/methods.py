"""TF Serving's gRPC methods, as far as the router has something to do with them."""

from __future__ import annotations

from typing import Final

_PREDICTION: Final = b"/tensorflow.serving.PredictionService/"
_MODELS: Final = b"/tensorflow.serving.ModelService/"

METADATA: Final = "metadata"
STATUS: Final = "status"
RELOAD: Final = "reload"
METHODS: Final = {
    _PREDICTION + b"Predict": "predict",
    _PREDICTION + b"Classify": "classify",
    _PREDICTION + b"Regress": "regress",
    _PREDICTION + b"MultiInference": "multi_inference",
    _PREDICTION + b"GetModelMetadata": METADATA,
    _MODELS + b"GetModelStatus": STATUS,
    _MODELS + b"HandleReloadConfigRequest": RELOAD,
}
"""Path → what experiments call it. Calls of all others are forwarded as they come, message by message."""
