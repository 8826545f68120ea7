"""The SavedModel as a BentoML service, following its guide: a class, an API method, lists in and out."""

import os
from typing import Any

import bentoml
import numpy as np
import tensorflow as tf


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Predictor:
    def __init__(self) -> None:
        self.model = tf.saved_model.load(os.environ["MODEL_FOLDER"])
        self.predict_fn = self.model.signatures["serving_default"]
        self.specs = self.predict_fn.structured_input_signature[1]

    @bentoml.api
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        if isinstance(instances[0], dict):
            columns = {name: [row[name] for row in instances] for name in self.specs}
        else:
            columns = {next(iter(self.specs)): instances}
        inputs = {
            name: tf.constant(np.array(values), dtype=self.specs[name].dtype)
            for name, values in columns.items()
        }
        outputs = self.predict_fn(**inputs)
        return {"predictions": next(iter(outputs.values())).numpy().tolist()}
