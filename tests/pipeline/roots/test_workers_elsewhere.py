"""Workers that do not see this machine's disk are given addresses in the store, and an empty place to write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.storage_remote import Address
from foundation.stores.exchange import flagged
from foundation.stores.mirror import mirror_of
from foundation.stores.opening import open_store
from tests import object_stores

pytestmark = pytest.mark.component

INPUT, OUTPUT = "root/StatisticsGen/1", "root/Transform/2"


class Recorder:
    """An executor that only keeps which addresses it is given; TFX makes it from its dotted path.

    Args:
        context: TFX's, with the arguments for Beam.
    """

    given: dict[str, Any] = {}
    exchanges: str = ""

    def __init__(self, context: Any) -> None:
        self._args = context.beam_pipeline_args
        Recorder.exchanges = flagged(context.extra_flags)

    def Do(self, inputs: dict[str, Any], outputs: dict[str, Any], properties: dict[str, Any]) -> None:
        uris = [
            artifact.uri
            for some in (inputs, outputs)
            for artifacts in some.values()
            for artifact in artifacts
        ]
        Recorder.given = {"args": self._args, "uris": uris}
        if Recorder.exchanges:
            store, key = open_store(Address(Recorder.exchanges))
            store.put(f"{key}/bad/raw", b"3")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with object_stores.gs() as variables:
        for name, value in {**variables, "PENSTOCK_CACHE": str(tmp_path / "cache")}.items():
            monkeypatch.setenv(name, value)
        yield f"gs://{object_stores.BUCKET}"


@pytest.mark.parametrize("elsewhere", ["addresses", "exchange", ""])
def test_an_executor_gets_what_its_workers_can_reach(bucket: str, elsewhere: Any, tmp_path: Path) -> None:
    from tfx.orchestration.portable import data_types
    from tfx.proto.orchestration import executable_spec_pb2
    from tfx.types import standard_artifacts

    from pipeline.runners.operators import Asked, BeamOperator

    store, _ = open_store(Address(f"{bucket}/root"))
    store.put(f"{INPUT}/stats", b"1")
    store.put(f"{OUTPUT}/left by a killed attempt", b"2")
    statistics, graph = standard_artifacts.ExampleStatistics(), standard_artifacts.TransformGraph()
    statistics.uri, graph.uri = f"{bucket}/{INPUT}", str(mirror_of(f"{bucket}/{OUTPUT}"))
    Path(graph.uri).mkdir(parents=True)
    info = data_types.ExecutionInfo(
        input_dict={"statistics": [statistics]},
        output_dict={"graph": [graph]},
        exec_properties={},
        execution_output_uri=str(tmp_path / "output.pb"),
        tmp_dir=str(tmp_path / "tmp"),
        stateful_working_dir=str(tmp_path / "state"),
    )
    spec = executable_spec_pb2.BeamExecutableSpec()
    spec.python_executor_spec.class_path = f"{__name__}.Recorder"

    @contextmanager
    def held() -> Iterator[list[str]]:
        yield ["--runner=There"]

    Recorder.exchanges = ""
    operator = BeamOperator(Asked(), held, elsewhere, executor_spec=spec, platform_config=None)
    operator.run_executor(info)
    addresses = [f"{bucket}/{INPUT}", f"{bucket}/{OUTPUT}"]
    assert Recorder.given["args"] == ["--runner=There"]
    local = [str(mirror_of(one)) for one in addresses]
    assert Recorder.given["uris"] == (addresses if elsewhere == "addresses" else local)
    assert Recorder.exchanges.startswith(f"{addresses[1]}/.exchange-") is (elsewhere == "exchange")
    assert [entry.key for entry in store.list(f"{OUTPUT}/") if "exchange" in entry.key] == []
    assert graph.uri == addresses[1]
    assert store.get(f"{OUTPUT}/left by a killed attempt") is None


def test_only_nodes_whose_steps_need_no_shared_disk_work_elsewhere_and_only_in_a_store(
    bucket: str, tmp_path: Path
) -> None:
    from pipeline.document.models import RunConfig
    from pipeline.runners.beam import works_elsewhere

    run = RunConfig(beam={"default": "dataflow", "Evaluator": "local"})
    found = {
        (str(root.name), node): works_elsewhere(
            SimpleNamespace(document=SimpleNamespace(run=run), root=root), node
        )  # type: ignore[arg-type]
        for root in (mirror_of(f"{bucket}/root"), tmp_path / "here")
        for node in ("MongoExampleGen", "StatisticsGen", "Evaluator")
    }
    assert {key: value for key, value in found.items() if value} == {
        ("root", "MongoExampleGen"): "exchange",
        ("root", "StatisticsGen"): "addresses",
    }
