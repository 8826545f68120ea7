"""Real SavedModels in real sessions: loading, running, time limits, state, unloading, memory, replay, fuzzed requests."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serving.server.config.session_settings import SessionSettings
from serving.server.engine.signature import ModelSpec, Signature, TensorInfo
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from serving.server.engine.servable import Servable
    from serving.server.engine.stopping import Stop
    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration
ONE = np.ones(1, np.float32)


@pytest.fixture(scope="module")
def load(models: ModelLibrary) -> Iterator[Callable[..., Servable]]:
    from serving.server.engine.servable import Servable

    loaded: list[Servable] = []

    def load(name: str, **settings: Any) -> Servable:
        loaded.append(Servable.load(name, 1, models[name], SessionSettings(**settings)))
        return loaded[-1]

    yield load
    for servable in loaded:
        servable.close()


def run(servable: Servable, x: Any = ONE, key: str = "serving_default", stop: Stop | None = None) -> Any:
    signature = servable.signatures[key]
    feeds = {alias: np.asarray(x) for alias in signature.inputs}
    return servable.run(signature, feeds, tuple(signature.outputs), stop)


def test_a_keras_like_model_runs(load: Callable[..., Servable]) -> None:
    servable = load("half_plus_two")
    assert run(servable, np.float32([2, 4]))[0].tolist() == [3, 4]
    assert b"serving_default" in servable.metadata
    assert b"__saved_model_init_op" in servable.metadata
    assert list(servable.signatures) == ["serving_default"]


def test_two_versions_with_the_same_variables_are_apart(load: Callable[..., Servable]) -> None:
    two, three = load("half_plus_two"), load("half_plus_three")
    assert (run(two)[0].tolist(), run(three)[0].tolist()) == ([2.5], [3.5])


def test_a_request_sees_what_the_one_before_it_changed(load: Callable[..., Servable]) -> None:
    servable, other = load("counter"), load("counter")
    answers = [float(np.ravel(run(servable)[0])[0]) for _ in range(3)]
    assert answers[2] - answers[1] == answers[1] - answers[0] != 0
    assert float(np.ravel(run(other)[0])[0]) == answers[0]


def test_tags_choose_the_meta_graph(load: Callable[..., Servable]) -> None:
    assert run(load("tagged", tags=("serve", "gpu")))[0].tolist() == [2]
    assert run(load("tagged"))[0].tolist() == [1]


def test_a_wrong_type_is_an_invalid_argument(load: Callable[..., Servable]) -> None:
    with pytest.raises(ServingError, match="float but string is provided") as caught:
        run(load("half_plus_two"), np.array([b"one"], object))
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_scalar_outputs_are_arrays(load: Callable[..., Servable]) -> None:
    servable = load("types")
    for dtype, value in (("string", np.array(b"text", object)), ("float32", np.array(1, np.float32))):
        [answer] = run(servable, value, dtype)
        assert isinstance(answer, np.ndarray)
        assert (answer.shape, answer.dtype, answer.item()) == ((), value.dtype, value.item())


def test_a_signature_that_names_no_tensor(load: Callable[..., Servable]) -> None:
    servable = load("half_plus_two")
    broken = Signature(
        "broken",
        "",
        {"x": TensorInfo("x", "nothing:0", 1, None)},
        servable.signatures["serving_default"].outputs,
    )
    with pytest.raises(ServingError, match="names a tensor that cannot be run"):
        servable.run(broken, {"x": ONE}, ("y",))


def test_output_filters_beyond_counting_still_answer(
    load: Callable[..., Servable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.server.engine.servable._MOST_PLANS", 0)
    servable = load("arithmetic")
    signature = servable.signatures["serving_default"]
    for alias, value in (("total", 2), ("difference", 0)):
        [answer] = servable.run(signature, dict.fromkeys(signature.inputs, ONE), (alias,))
        assert answer.tolist() == [value]


def test_what_cannot_be_loaded(models: ModelLibrary, tmp_path: Path) -> None:
    from serving.server.engine.servable import Servable

    def code(path: Path, **settings: Any) -> Code:
        with pytest.raises(ServingError) as caught:
            Servable.load("m", 1, path, SessionSettings(**settings))
        return caught.value.code

    assert code(tmp_path) is Code.NOT_FOUND
    assert code(models["half_plus_two"], tags=("other",)) is Code.NOT_FOUND
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    assert code(tmp_path) is Code.DATA_LOSS
    content = (models["half_plus_two"] / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(content.replace(b"AddV2", b"Adx2x"))
    assert code(tmp_path) in (Code.INVALID_ARGUMENT, Code.NOT_FOUND)
    (tmp_path / "saved_model.pb").write_bytes(content)
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "variables.index").write_bytes(b"cut")
    assert code(tmp_path) in (Code.DATA_LOSS, Code.NOT_FOUND, Code.OUT_OF_RANGE)


def test_closing_stops_runs_and_refuses_later_ones(load: Callable[..., Servable]) -> None:
    servable = load("slow")
    errors: list[ServingError] = []

    def late() -> None:
        with pytest.raises(ServingError) as caught:
            run(servable, np.float32([3_600_000]))
        errors.append(caught.value)

    thread = threading.Thread(target=late)
    thread.start()
    time.sleep(0.1)
    servable.close(patience=60)
    thread.join()
    assert errors[0].code is Code.CANCELLED
    with pytest.raises(ServingError, match="is unloaded"):
        run(servable)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_comes_back(models: ModelLibrary) -> None:
    from serving.server.engine.servable import Servable

    def resident() -> float:
        status = Path("/proc/self/status").read_text().split("RssAnon:")[1]
        return int(status.split()[0]) / 1024

    def cycle() -> float:
        servable = Servable.load("memory", 1, models["memory"], SessionSettings())
        run(servable)
        loaded = resident()
        servable.close()
        return loaded

    cycle()
    before = resident()
    loaded = max(cycle() for _ in range(5))
    # oneDNN's allocator would keep the first version's memory for the next one; the server turns it off.
    assert resident() - before < 20
    assert loaded - before < 250


def prediction_log(kind: str, **request: Any) -> Any:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    target = getattr(log, kind).request
    if kind == "predict_log":
        target.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1])))
    elif kind == "multi_inference_log":
        for name in ("classify", "regress"):
            entry = target.tasks.add(method_name=f"tensorflow/serving/{name}")
            entry.model_spec.name, entry.model_spec.signature_name = "ignored", name
        target.input.example_list.examples.add()
    else:
        target.model_spec.signature_name = request["signature"]
        target.input.example_list.examples.add()
    return log


def test_recorded_requests_are_replayed(load: Callable[..., Servable]) -> None:
    from tensorflow_serving.apis import prediction_log_pb2

    from serving.server.loading.replay import replay

    replay(load("half_plus_two"), prediction_log("predict_log"))
    replay(load("half_plus_two"), prediction_log_pb2.PredictionLog())
    servable = load("examples")
    for kind, name in (("classify_log", "classify"), ("regress_log", "regress"), ("multi_inference_log", "")):
        replay(servable, prediction_log(kind, signature=name))
    with pytest.raises(ServingError, match="No signature was found"):
        replay(servable, prediction_log("regress_log", signature="nope"))
    with pytest.raises(ServingError, match="Signature input alias: inputs"):
        replay(servable, prediction_log("predict_log"))
    unsupported = prediction_log_pb2.PredictionLog()
    unsupported.session_run_log.request.SetInParent()
    with pytest.raises(ServingError) as caught:
        replay(servable, unsupported)
    assert caught.value.code is Code.UNIMPLEMENTED


class Manager:
    """Leases one servable under every name."""

    version = 1

    def __init__(self, servable: Servable) -> None:
        self.servable = servable

    def acquire(self, spec: ModelSpec | None) -> Manager:
        if spec is None:
            raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
        return self

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _mutated(random_numbers: random.Random, data: bytes) -> bytes:
    mutable = bytearray(data)
    for _ in range(random_numbers.choice((1, 1, 2, 4))):
        place = random_numbers.randrange(max(1, len(mutable)))
        kind = random_numbers.randrange(4)
        if kind == 0:
            mutable[place : place + 1] = bytes((random_numbers.randrange(256),))
        elif kind == 1:
            del mutable[place : place + random_numbers.randrange(1, 5)]
        elif kind == 2:
            mutable[place:place] = mutable[: random_numbers.randrange(12)]
        else:
            mutable[place : place + 1] = b"\xff" * random_numbers.randrange(1, 9) + b"\x7f"
    return bytes(mutable)


def test_broken_requests_are_the_clients_fault(load: Callable[..., Servable]) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    from serving.server.config.options import Options
    from serving.server.engine.execution import Execution
    from serving.server.grpc.calls import Calls
    from serving.server.grpc.seen import Seen
    from serving.server.inference import Inference

    manager: Any = Manager(load("types"))
    execution = Execution(1)
    calls = Calls(Inference(manager, execution, Options()), manager, Options(), None)
    seeds = []
    for dtype in ("float32", "int32", "string", "bool", "complex64", "uint64"):
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = dtype
        value = [[b"a", b""]] if dtype == "string" else np.ones((1, 2)).astype(dtype)
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(value))
        seeds.append(request.SerializeToString())

    async def send_all() -> set[Code]:
        numbers, codes = random.Random(4), set()
        for _ in range(3000):
            try:
                await calls.predict(_mutated(numbers, numbers.choice(seeds)), Seen(), None)
                codes.add(Code.OK)
            except ServingError as error:
                codes.add(error.code)
        return codes

    codes = asyncio.run(send_all())
    execution.close()
    assert codes <= {Code.OK, Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION}
    assert len(codes) == 3
