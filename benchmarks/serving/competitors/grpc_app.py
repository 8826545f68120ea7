"""A plain grpcio server around the SavedModel, as usually written: thread pool, make_ndarray, the signature."""

import os
import sys
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self) -> None:
        self.model = tf.saved_model.load(os.environ["MODEL_FOLDER"])
        self.predict_fn = self.model.signatures["serving_default"]

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = {name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        for name, value in self.predict_fn(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response


server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
