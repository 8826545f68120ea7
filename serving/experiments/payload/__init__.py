"""What requests and answers of TF Serving's APIs hold: features and outputs by name, without TensorFlow."""

from serving.experiments.payload.read import features, outputs

__all__ = ["features", "outputs"]
