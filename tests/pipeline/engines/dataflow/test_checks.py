"""Every wrong option for Dataflow is told at once, with its remedy, and nothing is asked of the cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engines.dataflow.checks import problems, suspicions
from pipeline.engines.dataflow.checks.subject import Subject
from pipeline.engines.dataflow.options import read_options

IMAGE = "--sdk_container_image=europe-docker.pkg.dev/my-project/ml/penstock:0.7.0"
RIGHT = {
    "project": "--project=my-project",
    "region": "--region=europe-west1",
    "temp_location": "--temp_location=gs://my-bucket/temp",
    "sdk_container_image": IMAGE,
    "max_num_workers": "--max_num_workers=8",
}
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


def told(
    *args: str, without: str = "", root: str = "gs://my-bucket/root", folder: Path = Path()
) -> list[str]:
    given = [text for name, text in RIGHT.items() if name != without]
    return [str(one) for one in problems(Subject(read_options([*given, *args]), root, folder))]


def test_right_options_are_left_alone() -> None:
    assert told() == []


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(
            ("--worker_machine_type=n2-standard-4", "--disk_size_gb=50", "--num_workers=2"), id="machines"
        ),
        pytest.param(("--machine_type n2d-custom-4-8192",), id="another name, and a space for the sign"),
        pytest.param(("--autoscaling_algorithm=NONE", "--num_workers=4"), id="a fixed number"),
        pytest.param(
            ("--subnetwork=regions/europe-west1/subnetworks/ml", "--no_use_public_ips"), id="network"
        ),
        pytest.param(
            ("--service_account_email=worker@my-project.iam.gserviceaccount.com",), id="service account"
        ),
        pytest.param(
            ("--service_account_email=123-compute@developer.gserviceaccount.com",), id="default account"
        ),
        pytest.param(("--labels=team=growth", "--label=cost-centre=7"), id="labels"),
        pytest.param(("--flexrs_goal=COST_OPTIMIZED",), id="FlexRS"),
        pytest.param(
            ("--experiments=shuffle_mode=service", "--number_of_worker_harness_threads=4"), id="threads"
        ),
        pytest.param((f"--dataflow_kms_key={KEY.replace('us-central1', 'europe-west1')}",), id="key"),
    ],
)
def test_right_further_options_are_left_alone(args: tuple[str, ...]) -> None:
    assert told(*args) == []


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        pytest.param("project", (), "--project is missing", id="no project"),
        pytest.param("project", ("--project=123456",), "project id, not its number", id="project number"),
        pytest.param("project", ("--project=My Project",), "6 to 30 lower case", id="project name"),
        pytest.param("region", (), "--region is missing", id="no region"),
        pytest.param(
            "region", ("--region=us-central1-a",), "give --region=us-central1", id="a zone for a region"
        ),
        pytest.param("temp_location", (), "--temp_location is missing", id="no temporary folder"),
        pytest.param("temp_location", ("--temp_location=/tmp",), "gs://bucket/folder", id="a local folder"),
        pytest.param(
            "temp_location", ("--temp_location=gs://My_Bucket/t",), "looked up for two", id="bucket name"
        ),
        pytest.param("temp_location", ("--temp_location=gs://bucket/",), "gs://bucket/temp", id="no folder"),
        pytest.param("", ("--staging_location=s3://b/s",), "--staging_location", id="staging elsewhere"),
        pytest.param("sdk_container_image", (), "neither Penstock nor TFX", id="nothing for the workers"),
        pytest.param(
            "sdk_container_image", (IMAGE[:-6],), "must not meet another image", id="image without version"
        ),
        pytest.param("sdk_container_image", (IMAGE[:-5] + "latest",), "another image", id="the latest image"),
        pytest.param("sdk_container_image", ("--sdk_container_image=none",), "registry/path", id="no image"),
        pytest.param("", ("--worker_harness_container_image=a/b:1",), "rename it", id="the old name"),
        pytest.param("", ("--requirements_file=no.txt",), "expected a file", id="no such file"),
        pytest.param(
            "", ("--service_account_email=me@example.com",), "service account", id="a person's account"
        ),
        pytest.param("", ("--impersonate_service_account=x",), "service account", id="impersonation"),
        pytest.param("", (f"--dataflow_kms_key={KEY}",), "a key in europe-west1", id="key of another region"),
        pytest.param("", ("--labels=Team=growth",), "the key is not", id="label's key"),
        pytest.param("", ("--labels=team=Growth!",), "the value is not", id="label's value"),
        pytest.param("", ("--labels=team",), "no '='", id="label without a value"),
        pytest.param("", ("--labels=penstock-run=1",), "choose another key", id="our labels"),
        pytest.param("", ("--worker_machine_type=e2-micro",), "whole cores", id="a share of a core"),
        pytest.param("", ("--worker_machine_type=big",), "machine-types list", id="no machine type"),
        pytest.param("", ("--num_workers=0",), "a whole number from 1", id="no workers"),
        pytest.param("", ("--num_workers=9",), "at most --max_num_workers, 8", id="more than the most"),
        pytest.param("", ("--autoscaling_algorithm=FAST",), "THROUGHPUT_BASED or NONE", id="algorithm"),
        pytest.param("", ("--autoscaling_algorithm=NONE",), "add --num_workers", id="fixed, but at what"),
        pytest.param("", ("--subnetwork=default",), "regions/europe-west1/subnetworks/NAME", id="subnetwork"),
        pytest.param(
            "", ("--subnetwork=regions/us-east1/subnetworks/a",), "its region", id="another region's"
        ),
        pytest.param("", ("--worker_zone=us-east1-b",), "a zone of europe-west1", id="another region's zone"),
        pytest.param(
            "", ("--network=a", "--subnetwork=regions/europe-west1/subnetworks/a"), "keep one", id="both"
        ),
        pytest.param("", ("--flexrs_goal=CHEAP",), "COST_OPTIMIZED", id="goal"),
        pytest.param(
            "",
            ("--flexrs_goal=COST_OPTIMIZED", "--autoscaling_algorithm=NONE", "--num_workers=1"),
            "FlexRS needs",
            id="FlexRS without autoscaling",
        ),
        pytest.param(
            "", ("--template_location=gs://b/t",), "writes a template and runs nothing", id="template"
        ),
        pytest.param("", ("--dry_run",), "nothing would run", id="dry run"),
        pytest.param("", ("--job_name=mine",), "which run, node and attempt", id="job's name"),
        pytest.param("", ("--runner=DirectRunner",), "run.beam says which", id="another runner"),
        pytest.param("", ("--experiments=disable_runner_v2",), "portable runner", id="the old runner"),
        pytest.param("", ("--no_auth",), "GOOGLE_APPLICATION_CREDENTIALS", id="no credentials"),
        pytest.param("", ("--dataflow_endpoint=dataflow",), "a URL", id="endpoint"),
        pytest.param(
            "", ("--max_num_worker=3",), "expected --max_num_workers; correct it", id="a slip of the pen"
        ),
        pytest.param("", ("hello",), "seen: 'hello'", id="no option at all"),
    ],
)
def test_a_wrong_option_is_told_with_its_remedy(name: str, args: tuple[str, ...], words: str) -> None:
    (said,) = told(*args, without=name)
    assert words in said


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param([], "--max_num_workers is missing", id="no limit"),
        pytest.param(
            ["--max_num_workers=4", "--no_use_public_ips"], "Private Google Access", id="no way out"
        ),
    ],
)
def test_what_is_allowed_and_seldom_meant_is_said(args: list[str], words: str) -> None:
    (said,) = (str(one) for one in suspicions(Subject(read_options(args), "gs://b/r", Path())))
    assert words in said


def test_all_problems_are_told_at_once() -> None:
    said = told("--num_workers=x", "--dry_run", without="project", root=".penstock")
    assert len(said) == 4
    assert "workers of Dataflow cannot reach this machine's folders" in said[1]


def test_files_of_options_start_from_the_documents_folder(tmp_path: Path) -> None:
    for name in ("setup.py", "runtime.txt"):
        (tmp_path / name).touch()
    args = ("--setup_file=setup.py", "--requirements_file=runtime.txt")
    assert told(*args, without="sdk_container_image", folder=tmp_path) == []
    assert "TFX and its relatives" in told(args[0], without="sdk_container_image", folder=tmp_path)[0]


def test_a_stand_in_on_this_machine_takes_local_folders_and_no_credentials() -> None:
    args = ("--temp_location=/tmp/t", "--dataflow_endpoint=http://localhost:9000", "--no_auth")
    assert told(*args, without="temp_location", root=".penstock") == []
    assert len(told("--no_auth", "--dataflow_endpoint=http://localhost.example.com:9000")) == 1


def test_no_other_option_of_beam_is_taken_for_a_slip_of_the_pen() -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    others = PipelineOptions([]).get_all_options()
    said = told(*(f"--{name}=1" for name in others))
    assert [one for one in said if "without a word" in one] == []
