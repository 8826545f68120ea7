"""Replays a recorded request on a version, without a server, for warmup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.server.grpc.conversion import parse_input, spec_of, tasks_of
from serving.server.inference import examples, multi_inference, predict
from serving.server.inference.predict import CLASSIFY, REGRESS
from serving.server.status import Code, ServingError
from serving.wire import tensors

if TYPE_CHECKING:
    from serving.server.engine.servable import Servable


def replay(servable: Servable, prediction_log: Any) -> None:
    """Runs the request in a ``PredictionLog``; ignores its model name and version.

    Args:
        servable: The version.
        prediction_log: The record; an empty one does nothing.

    Raises:
        ServingError: The request fails, or its kind cannot be replayed (UNIMPLEMENTED).
    """
    kind = prediction_log.WhichOneof("log_type")
    if kind is None:
        return
    play = _PLAYERS.get(kind)
    if play is None:
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
    play(servable, getattr(prediction_log, kind).request)


def _predict(servable: Servable, request: Any) -> None:
    signature = predict.find_signature(servable.signatures, request.model_spec.signature_name)
    feeds = predict.feeds(signature, dict(request.inputs), tensors.from_message)
    servable.run(signature, feeds, predict.outputs(signature, list(request.output_filter)))


def _classify(servable: Servable, request: Any) -> None:
    _run_examples(servable, request, CLASSIFY)


def _regress(servable: Servable, request: Any) -> None:
    _run_examples(servable, request, REGRESS)


def _run_examples(servable: Servable, request: Any, method: str) -> None:
    name = spec_of(request.model_spec).signature_name
    signature = examples.find_signature(servable.signatures, name, method, check_method=False)
    rows = parse_input(request.input.SerializeToString())
    wanted = examples.wanted_outputs(signature, method)
    values = servable.run(signature, {examples.INPUTS: examples.feed(rows)}, wanted)
    if method == CLASSIFY:
        examples.classifications(dict(zip(wanted, values, strict=True)), len(rows))
    else:
        examples.regressions(values[0], len(rows))


def _multi_inference(servable: Servable, request: Any) -> None:
    tasks = tasks_of(request)
    if not tasks:
        raise ServingError(Code.INVALID_ARGUMENT, "Inference request has no tasks.")
    signature = multi_inference.prepare(servable.signatures, tasks, check_method=False)
    rows = parse_input(request.input.SerializeToString())
    wanted = tuple(signature.outputs)
    values = servable.run(signature, {examples.INPUTS: examples.feed(rows)}, wanted)
    multi_inference.finish(servable.signatures, tasks, dict(zip(wanted, values, strict=True)), len(rows))


_PLAYERS = {
    "predict_log": _predict,
    "classify_log": _classify,
    "regress_log": _regress,
    "multi_inference_log": _multi_inference,
}
