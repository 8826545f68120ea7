"""A bundle is bound to exactly the span that is asked for, and gives the pipeline that compiling there would give."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.trainer.config import DevicesConfig
from foundation.errors import DataError, SpecError, StorageError
from pipeline.bundle.binding import Binding, Bound, bind
from pipeline.bundle.reading import Bundle
from pipeline.document.models import MetadataConfig, SqliteConfig
from tests.side_by_side import importing

pytestmark = pytest.mark.component


def plain(ir: Any) -> Any:
    """A pipeline as values: packed messages may differ in the order of their bytes, texts in how JSON spells a letter."""
    from google.protobuf.json_format import MessageToDict

    return decoded(MessageToDict(ir, preserving_proto_field_name=True))


def decoded(value: Any) -> Any:
    """A value with every text that is JSON as what it says."""
    if isinstance(value, dict):
        return {key: decoded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [decoded(one) for one in value]
    return decoded(json.loads(value)) if isinstance(value, str) and value[:1] in "{[" and value else value


def compiled_there(bound: Bound) -> Any:
    """What a compilation for this run alone gives."""
    from pipeline.runners.compile import compile_job

    return plain(compile_job(bound.job))


@pytest.fixture
def bound(bundle: Bundle, home: Path, tmp_path: Path) -> Bound:
    return bind(bundle, Binding(home, str(tmp_path / "root"), span=1, run="r1"))


def test_the_span_that_is_asked_for_is_read_not_the_newest(bound: Bound) -> None:
    assert [file.path for file in bound.job.inputs.data.files] == ["exports/1/a.jsonl"]
    assert bound.job.inputs.infer and bound.job.inputs.infer.span == 1
    assert bound.job.document.data.span == 1


def test_a_span_that_is_not_there_is_an_error_with_those_that_are(bundle: Bundle, home: Path) -> None:
    with pytest.raises(DataError, match=r"span 3 of data.mongo_export.*seen: spans 1, 2"):
        bind(bundle, Binding(home, span=3))


def test_without_a_span_the_newest_is_not_taken(bundle: Bundle, home: Path) -> None:
    with pytest.raises(SpecError, match=r"the newest is never taken.*--interval-end"):
        bind(bundle, Binding(home))


def test_the_bound_pipeline_is_the_one_compiled_there(bound: Bound) -> None:
    assert plain(bound.ir()) == compiled_there(bound)
    assert "DistributionValidator" not in bound.graph.ids


def test_a_home_may_have_any_ordinary_name(bundle: Bundle, home: Path, tmp_path: Path) -> None:
    there = shutil.copytree(home, tmp_path / "Überall & 'anders' {SPAN}")
    bound = bind(bundle, Binding(there, span=2, run="manual__2026-01-01T00:00:00+00:00"))
    assert plain(bound.ir()) == compiled_there(bound)


def test_with_earlier_statistics_every_node_is_in_it(bound: Bound, bundle: Bundle) -> None:
    inputs = replace(bound.job.inputs, previous_statistics=True)
    compared = Bound(bundle, replace(bound.job, inputs=inputs), recompiled=False)
    assert plain(compared.ir()) == compiled_there(compared)
    assert compared.graph.ids == [node.id for node in bundle.sidecar.nodes]


def test_the_module_of_an_executor_is_found_in_a_bundle(bundle: Bundle) -> None:
    from pipeline.runners.node_executor import executor_module

    assert executor_module(bundle.template, "MongoExampleGen") == "components.mongo_example_gen.executor"
    assert executor_module(bundle.template, "Trainer").startswith(("components.", "tfx."))
    assert executor_module(bundle.template, "BaselineModel") == ""


def test_values_of_a_run_are_compiled_again(bundle: Bundle, home: Path, tmp_path: Path) -> None:
    overrides = ["train.steps=7", "evaluate.gates.auc=0.9"]
    bound = bind(bundle, Binding(home, str(tmp_path / "root"), span=2, overrides=overrides, run="r2"))
    assert bound.recompiled and bound.job.document.train.steps == 7
    assert plain(bound.ir()) == compiled_there(bound)
    assert '"steps": 7' in json.dumps(bound.json()).replace("\\", "")


@pytest.mark.parametrize("option", ["train.epochs=3", "data.span=1", "root=/tmp", "push.to=/x"])
def test_other_values_are_refused(bundle: Bundle, home: Path, option: str) -> None:
    with pytest.raises(SpecError, match=r"one of production.parameters: train.steps, evaluate.gates"):
        bind(bundle, Binding(home, span=1, overrides=[option]))


def test_a_value_of_another_type_is_refused(bundle: Bundle, home: Path) -> None:
    with pytest.raises(SpecError, match=r"train.steps: expected a whole number; seen: 'many'"):
        bind(bundle, Binding(home, span=1, overrides=["train.steps=many"]))


def test_what_the_first_node_found_is_taken_by_the_others(
    bound: Bound, bundle: Bundle, tmp_path: Path
) -> None:
    other = tmp_path / "another-machine"  # without any export
    later = bind(bundle, Binding(other, span=1, run="r1", inputs=bound.job.inputs))
    assert later.job.inputs.data == bound.job.inputs.data
    assert later.job.inputs.folder == other and later.job.inputs.code == bound.job.inputs.code
    assert later.graph.fingerprints == bound.graph.fingerprints


def test_a_bundle_of_another_version_is_refused(bundle: Bundle, home: Path) -> None:
    old = Bundle(bundle.folder, replace(bundle.sidecar, penstock="0.1.0"))
    with pytest.raises(DataError, match=r"Penstock 0\.1\.0, which compiled it"):
        bind(old, Binding(home, span=1))


def test_a_bundle_of_other_code_of_the_same_version_is_refused(bundle: Bundle, home: Path) -> None:
    nodes = [
        replace(one, made_of={**one.made_of, "code": "0" * 64}) if one.id == "Trainer" else one
        for one in bundle.sidecar.nodes
    ]
    other = Bundle(bundle.folder, replace(bundle.sidecar, nodes=tuple(nodes)))
    with pytest.raises(DataError, match=r"seen: other code behind Trainer; remedy: .*compile and deploy"):
        bind(other, Binding(home, span=1))


def test_a_path_that_json_would_escape_is_refused(bundle: Bundle, home: Path, tmp_path: Path) -> None:
    odd = shutil.copytree(home, tmp_path / 'a "b"')
    with pytest.raises(StorageError, match="no quotation mark"):
        bind(bundle, Binding(odd, span=1, run="r1")).json()


def test_places_are_the_same_in_whatever_folder_a_node_starts(bundle: Bundle, home: Path) -> None:
    there = named(bundle, metadata=MetadataConfig(sqlite=SqliteConfig(path="state/metadata.db")))
    job = bind(there, Binding(home, span=1)).job
    assert job.root == home / ".penstock"
    assert job.document.metadata.sqlite == SqliteConfig(path=str(home / "state" / "metadata.db"))


def named(bundle: Bundle, **changes: Any) -> Bundle:
    """The bundle of a document with other values."""
    bundle.__dict__["document"] = bundle.document.model_copy(update=changes)
    return bundle


def test_a_root_in_a_store_is_its_mirror_here(bundle: Bundle, home: Path, tmp_path: Path) -> None:
    bundle = named(bundle, metadata=MetadataConfig(sqlite=SqliteConfig(path="metadata.db")))
    job = bind(
        bundle,
        Binding(home, "s3://bucket/prefix", inputs=bind(bundle, Binding(home, span=1)).job.inputs, span=1),
    ).job
    assert job.root == tmp_path / "cache" / "mirror" / "s3" / "bucket" / "prefix"


def test_a_root_that_is_given_fits_the_document_as_its_own_would(bundle: Bundle, home: Path) -> None:
    with pytest.raises(SpecError, match=r"ML Metadata would be in a file beside a root that is in a store"):
        bind(bundle, Binding(home, "s3://bucket/prefix", span=1))


def test_workers_that_meet_by_a_file_need_a_root_in_a_folder(bundle: Bundle, home: Path) -> None:
    devices = DevicesConfig(strategy="multi_worker")
    metadata = MetadataConfig(sqlite=SqliteConfig(path="metadata.db"))
    several = named(
        bundle, metadata=metadata, train=bundle.document.train.model_copy(update={"devices": devices})
    )
    with pytest.raises(SpecError, match=r"train.devices: .* in a store; .*seen: s3://bucket/prefix"):
        bind(several, Binding(home, "s3://bucket/prefix", span=1))


def test_binding_loads_nothing_heavy(compiled: Path, home: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from pipeline.bundle.binding import Binding, bind\n"
        "from pipeline.bundle.reading import open_bundle\n"
        "home, root = Path(sys.argv[2]), sys.argv[3]\n"
        "bind(open_bundle(Path(sys.argv[1])), Binding(home, root, span=1, run='r1')).json()\n"
        "print([m for m in ('tensorflow', 'tfx', 'apache_beam', 'google.protobuf') if m in sys.modules])\n"
    )
    arguments = [str(compiled), str(home), str(tmp_path / "root")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**importing(), "PENSTOCK_CACHE": str(tmp_path / "cache"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
