"""The SavedModel as a custom MLServer runtime, following its guide: load, decode, signature, encode."""

import os

import tensorflow as tf
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class SavedModelRuntime(MLModel):
    async def load(self) -> bool:
        self._loaded = tf.saved_model.load(os.environ["MODEL_FOLDER"])
        self._predict = self._loaded.signatures["serving_default"]
        self._specs = self._predict.structured_input_signature[1]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {}
        for given in payload.inputs:
            spec = self._specs[given.name]
            if given.datatype == "BYTES":
                values = tf.reshape(tf.constant(StringCodec.decode_input(given)), given.shape)
            else:
                values = tf.constant(NumpyCodec.decode_input(given), dtype=spec.dtype)
            inputs[given.name] = values
        outputs = self._predict(**inputs)
        encoded = [NumpyCodec.encode_output(name, value.numpy()) for name, value in outputs.items()]
        return InferenceResponse(model_name=self.name, outputs=encoded)
