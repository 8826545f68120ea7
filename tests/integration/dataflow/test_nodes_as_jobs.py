"""Nodes on Dataflow: real components through our node executor, against a stand-in for the service that really runs the jobs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foundation.errors import NodeError
from tests.dataflow_service import ServedJob, Service, serving

pytestmark = pytest.mark.integration

EXPECTED = Path(__file__).parent / "expected_job.json"
DATA = ("MongoExampleGen", "StatisticsGen", "SchemaInferrer", "Transform")
NODES = (*DATA, "ExampleValidator", "ValidationGate", "Trainer", "BaselineModel", "Evaluator")
JOBS = ("MongoExampleGen", "StatisticsGen", "Transform", "Evaluator")
REMOTE = {"default": "local", **dict.fromkeys(JOBS, "dataflow")}
ROWS = 300
DOCUMENT: dict[str, Any] = {
    "name": "learners",
    "data": {
        "mongo_export": "export.jsonl",
        "label": "retained",
        "split": {"by": "_id"},
        "bad_documents": {"fail_above": "5%"},
    },
    "features": {"lessons": "zscore", "country": {"vocabulary": 10}},
    "train": {"steps": 20},
    "evaluate": {"metrics": ["auc", "log_loss", "calibration"], "slices": ["country"], "gates": "none"},
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataflow")
    rng = random.Random(3)
    rows = [
        {
            "_id": n,
            "lessons": rng.randint(0, 40),
            "country": rng.choice(["BR", "DE", "FR"]),
            "retained": n % 3 == 0,
        }
        for n in range(ROWS)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "export.jsonl").write_text(text + "{broken\n")
    (folder / "staging").mkdir()
    return folder


def options(service: Service, home: Path) -> list[str]:
    return [
        "--project=my-project",
        "--region=europe-west1",
        f"--temp_location={home}/staging",
        f"--staging_location={home}/staging",
        f"--dataflow_endpoint={service.endpoint}",
        "--no_auth",
        "--sdk_container_image=europe-docker.pkg.dev/my-project/ml/penstock:0.7.0",
        "--worker_machine_type=n2-standard-2",
        "--max_num_workers=4",
        "--service_account_email=worker@my-project.iam.gserviceaccount.com",
        "--subnetwork=regions/europe-west1/subnetworks/ml",
        "--no_use_public_ips",
        "--labels=team=growth",
    ]


def executor(home: Path, root: str, run: str, beam: Any, beam_args: list[str]) -> SimpleNamespace:
    """Returns our node executor for a run, with what it was made from."""
    from components.exports.source import resolve
    from components.node import Inputs
    from pipeline.document.models import PipelineSpec
    from pipeline.lineage.store import connection_config
    from pipeline.runners.beam import beam_of
    from pipeline.runners.compile import compile_job
    from pipeline.runners.job import Job

    spec = PipelineSpec.model_validate({**DOCUMENT, "run": {"beam": beam, "beam_args": beam_args}})
    inputs = Inputs(home, resolve("export.jsonl", home, None))
    folder = home / root
    folder.mkdir(exist_ok=True)
    job = Job(spec, inputs, folder, run, folder)
    connection = connection_config(spec.metadata, folder)
    compiled = compile_job(job, NODES)
    from pipeline.runners.node_executor import (
        NodeExecutor,
    )  # after the components: it leaves out what they need

    made = NodeExecutor(compiled, connection, partial(beam_of, job))
    return SimpleNamespace(
        run=made.run, told=made.told, reuse=made.reuse, connection=connection, folder=folder
    )


@pytest.fixture(scope="module")
def remote(service: Service, home: Path) -> SimpleNamespace:
    """A run with four nodes on Dataflow."""
    nodes = executor(home, "remote", "r1", REMOTE, options(service, home))
    nodes.executions, nodes.told_of = {}, {}
    for node in NODES:
        nodes.executions[node] = nodes.run(node)
        nodes.told_of[node] = nodes.told(node, nodes.executions[node])
    return nodes


@pytest.fixture(scope="module")
def local(home: Path) -> Path:
    """The root of the same nodes until the model, run here."""
    nodes = executor(home, "local", "r1", "local", [])
    for node in DATA:
        nodes.run(node)
    return nodes.folder


def normalised(served: ServedJob, home: Path, service: Service) -> dict[str, Any]:
    """Returns what decides how a job runs, without what differs from run to run or from one Beam to the next."""
    from apache_beam.options.pipeline_options import PipelineOptions

    job, usual = served.content, PipelineOptions([]).get_all_options()
    environment = job["environment"]
    pool = environment["workerPools"][0]
    given = environment["sdkPipelineOptions"]["options"]
    left = {"pipelineProtoHash", "pipelineUrl", "beam_plugins", "dataflow_endpoint", "labels", "experiments"}
    shown = {
        "name": job["name"],
        "type": job["type"],
        "labels": {key: value for key, value in job["labels"].items() if not key.startswith("tfx_")},
        "labels_of_tfx": sorted(key for key in job["labels"] if key.startswith("tfx_")),
        "experiments": sorted(environment["experiments"]),
        "service_account": environment["serviceAccountEmail"],
        "temporary": environment["tempStoragePrefix"],
        "machines": {key: value for key, value in sorted(pool.items()) if key in MACHINES},
        "images": [image["containerImage"] for image in pool["sdkHarnessContainerImages"]],
        "packages": [package["name"] for package in pool["packages"]],
        "options": {k: v for k, v in sorted(given.items()) if k not in left and v != usual.get(k)},
        "steps": steps(served.pipeline),
    }
    text = json.dumps(shown).replace(str(home), "HOME").replace(service.endpoint, "ENDPOINT")
    return json.loads(text)


MACHINES = ("machineType", "autoscalingSettings", "subnetwork", "ipConfiguration", "network", "zone")


def steps(staged: bytes) -> list[str]:
    """Returns the names of the outermost transforms of a staged pipeline."""
    from apache_beam.portability.api import beam_runner_api_pb2

    pipeline = beam_runner_api_pb2.Pipeline.FromString(staged)
    names = [one.unique_name for one in pipeline.components.transforms.values()]
    return sorted({name for name in names if name and "/" not in name and not name.startswith("ref_")})


def job_of(service: Service, node: str) -> ServedJob:
    return next(j for j in service.jobs.values() if j.content["labels"]["penstock-node"] == node.lower())


def test_the_submitted_job_is_the_expected_one(service: Service, remote: SimpleNamespace, home: Path) -> None:
    found = normalised(job_of(service, "StatisticsGen"), home, service)
    assert found == json.loads(EXPECTED.read_text()), json.dumps(found, indent=1)


def test_one_job_is_submitted_for_a_node_and_looked_at_until_it_is_done(
    service: Service, remote: SimpleNamespace
) -> None:
    posts = [one for one in service.requests if one.startswith("POST")]
    assert posts == ["POST /v1b3/projects/my-project/locations/europe-west1/jobs"] * len(JOBS)
    assert service.requests[-1].endswith("/metrics")
    assert not [one for one in service.requests if one.startswith("PUT")]


def test_what_the_workers_counted_is_told(remote: SimpleNamespace, home: Path) -> None:
    assert remote.told_of["StatisticsGen"]["counted"]["rows"] == ROWS
    size = (home / "export.jsonl").stat().st_size
    ingested = {"documents": ROWS + 1, "quarantined": 1, "bytes": size}
    assert remote.told_of["MongoExampleGen"]["counted"] == ingested
    assert "counted" not in remote.told_of["SchemaInferrer"]


def test_artifacts_are_those_of_a_run_on_this_machine(remote: SimpleNamespace, local: Path) -> None:
    import tensorflow_data_validation as tfdv

    for split in ("train", "validation", "test"):
        both = [
            tfdv.load_stats_binary(
                str(next(root.glob(f"artifacts/StatisticsGen/statistics/*/Split-{split}/*")))
            )
            for root in (remote.folder, local)
        ]
        assert both[0] == both[1]
    graphs = [
        sorted(root.glob("artifacts/Transform/transform_graph/*/layout.json"))
        for root in (remote.folder, local)
    ]
    assert graphs[0][0].read_bytes() == graphs[1][0].read_bytes()


def test_the_evaluation_of_a_job_is_that_of_this_machine(remote: SimpleNamespace, home: Path) -> None:
    from components.evaluator.result import Evaluation

    nodes = executor(home, "remote", "r3", "local", [])
    nodes.reuse({node: remote.executions[node] for node in NODES[:-2]})
    nodes.run("BaselineModel")
    folder = remote.folder / "artifacts/Evaluator/evaluation"
    job, here = (
        Evaluation.read(folder / str(n)) for n in (remote.executions["Evaluator"], nodes.run("Evaluator"))
    )
    assert (job.way, here.way) == ("Beam", "in process")
    assert [one.name for one in job.slices] == [one.name for one in here.slices]
    for found, expected in zip(job.slices, here.slices, strict=True):
        assert (found.rows, found.positives, found.negatives) == (
            expected.rows,
            expected.positives,
            expected.negatives,
        )
        assert set(found.candidate) == set(expected.candidate) >= {"auc", "log_loss", "calibration"}
        for name, measured in found.candidate.items():
            ours = expected.candidate[name]
            assert [measured.value, measured.low, measured.high] == pytest.approx(
                [ours.value, ours.low, ours.high], abs=1e-6
            )


def test_a_job_that_claims_to_be_done_without_having_run_is_no_result(
    service: Service, remote: SimpleNamespace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_metadata import metadata_store

    from pipeline.lineage.store import execution_state

    monkeypatch.setattr(service, "executes", False)
    beam = {"default": "local", "StatisticsGen": "dataflow"}
    nodes = executor(home, "remote", "r2", beam, options(service, home))
    last = nodes.run("MongoExampleGen")
    with pytest.raises(NodeError, match="no file, although the engine says that the pipeline is done"):
        nodes.run("StatisticsGen")
    store = metadata_store.MetadataStore(nodes.connection)
    assert execution_state(store, last + 1) == "FAILED"
