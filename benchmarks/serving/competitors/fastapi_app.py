"""A plain FastAPI app around the SavedModel, as usually written: one route, the signature, lists in and out."""

import os
from typing import Any

import numpy as np
import tensorflow as tf
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = tf.saved_model.load(os.environ["MODEL_FOLDER"])
predict_fn = model.signatures["serving_default"]
specs = predict_fn.structured_input_signature[1]


class PredictRequest(BaseModel):
    instances: list[Any]


@app.get("/ready")
def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, Any]:
    if isinstance(request.instances[0], dict):
        columns = {name: [row[name] for row in request.instances] for name in specs}
    else:
        columns = {next(iter(specs)): request.instances}
    inputs = {
        name: tf.constant(np.array(values), dtype=specs[name].dtype) for name, values in columns.items()
    }
    outputs = predict_fn(**inputs)
    return {"predictions": next(iter(outputs.values())).numpy().tolist()}
