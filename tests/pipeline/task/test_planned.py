"""What a run's first node decides holds on machines with other folders: nothing of the one that decided is in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.errors import DataError, SpecError
from pipeline.bundle.binding import Bound
from pipeline.bundle.compiling import compile_bundle
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.document.loader import load
from pipeline.roots.local import LocalRoot
from pipeline.task.planned import FILE, obtain
from pipeline.task.request import Request
from tests.pipeline.scheduling.bundles import deployed
from tests.side_by_side import once

pytestmark = pytest.mark.component  # a bundle is compiled, and again for the values of a run

DOCUMENT = """
name: learners
metadata: {sqlite: {path: METADATA}}
data: {mongo_export: 'exports/{SPAN}/*.jsonl', fields: {lessons: lessons}, label: kept}
features: code/features.py:preprocessing_fn
train: {steps: 100}
evaluate: {metrics: [auc], gates: none}
push: {to: served}
production: {parameters: [train.steps]}
"""
Machine = Callable[[str], tuple[Bound, str]]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project and its bundle; nobody writes to it."""

    def build(folder: Path) -> None:
        home = folder / "home"
        for path in (home / "code", home / "exports/1"):
            path.mkdir(parents=True)
        document = home / "pipeline.yaml"
        document.write_text(DOCUMENT.replace("METADATA", str(folder.parent / "metadata.db")))
        (home / "code/features.py").write_text("def preprocessing_fn(inputs):\n    return dict(inputs)\n")
        (home / "exports/1/a.jsonl").write_text(
            '{"lessons": 1, "kept": true}\n{"lessons": 2, "kept": false}\n'
        )
        compile_bundle(load([document]), folder / "bundles")

    return once(tmp_path_factory, "planned", build)


@pytest.fixture
def bundle(project: Path) -> Bundle:
    return open_bundle(next((project / "bundles").iterdir()))


@pytest.fixture
def machine(project: Path, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Binds the run on a machine with a home and a cache of its own; the root is everybody's."""

    def bound_on(name: str) -> tuple[Bound, str]:
        folder = tmp_path / name
        shutil.copytree(project / "home", folder / "data", dirs_exist_ok=True)
        monkeypatch.setenv("PENSTOCK_CACHE", str(folder / "cache"))
        root = LocalRoot(tmp_path / "root")
        request = Request(bundle.folder, "Trainer", "r1", folder / "data", root.uri, 1, ("train.steps=7",))
        return obtain(root, bundle, request)[1], str(folder)

    return bound_on


@pytest.mark.parametrize("first", ["one", "où est-ce"])
def test_values_of_a_run_hold_on_a_machine_with_other_folders(
    machine: Machine, tmp_path: Path, first: str
) -> None:
    _, folder = machine(first)
    shared = json.loads((tmp_path / "root/runs/r1" / FILE).read_bytes())
    assert folder not in json.dumps(shared, ensure_ascii=False)
    shutil.rmtree(folder)
    bound, other = machine("two")
    ir = json.dumps(bound.json(), ensure_ascii=False)
    assert folder not in ir and folder not in json.loads(json.dumps(ir))
    assert f"{other}/cache/bundles" in ir and f"{other}/data" in ir
    assert '"steps": 7' in ir.replace("\\", "")


def test_whoever_decides_it_the_run_is_the_same(machine: Machine, bundle: Bundle, tmp_path: Path) -> None:
    first, folder = machine("one")
    second, other = machine("two")
    assert second.graph.fingerprints == first.graph.fingerprints
    assert json.loads(json.dumps(first.json()).replace(folder, other)) == second.json()


def test_what_another_version_has_begun_is_not_read(bundle: Bundle, tmp_path: Path) -> None:
    root = LocalRoot(tmp_path / "root")
    root.publish(f"runs/r1/{FILE}", b"{}")
    old = Bundle(bundle.folder, replace(bundle.sidecar, penstock="0.1.0"))
    with pytest.raises(
        DataError, match=r"Penstock 0\.1\.0, which compiled it.*remedy: run the nodes in the image"
    ):
        obtain(root, old, Request(bundle.folder, "Trainer", "r1", tmp_path, root.uri, 1))


def test_a_run_goes_on_with_the_bundle_that_it_began_with(
    bundle: Bundle, project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = Bundle(shutil.copytree(bundle.folder, tmp_path / bundle.folder.name), bundle.sidecar)
    after = deployed(before, tmp_path, max_active_runs=7)
    root = LocalRoot(tmp_path / "root")
    request = Request(before.folder, "MongoExampleGen", "r1", project / "home", root.uri, 1)
    caplog.set_level("INFO", "pipeline.task")
    planned, _ = obtain(root, before, request)
    assert not caplog.messages
    assert obtain(root, after, replace(request, bundle=after.folder))[0] == planned
    said = f"began with the bundle {before.folder.name} and goes on with it, not with {after.folder.name}"
    assert said in caplog.text
    assert obtain(root, after, replace(request, run="r2"))[0].bundle == after.sidecar.digest
    shutil.rmtree(before.folder)
    with pytest.raises(SpecError, match=rf"began with, {before.folder.name}, beside.*remedy: put it back"):
        obtain(root, after, request)


@pytest.mark.parametrize(
    ("export", "predict", "span", "known"),
    [
        ("exports/{YYYY}-{MM}-{DD}/*", None, 20260102, 20455),
        ("exports/{YYYY}-{MM}-{DD}/*", None, 20455, 20455),
        ("exports/2026-01-02/*", "exports/{YYYY}-{MM}-{DD}/*", 20260102, 20455),
        ("exports/2026-01-02/*", "numbered/{SPAN}/*", 20260102, 20260102),
    ],
    ids=["a day", "a day's number", "days to predict for", "spans to predict for"],
)
def test_every_node_of_a_run_may_name_its_span_as_the_first(
    tmp_path: Path, export: str, predict: str | None, span: int, known: int
) -> None:
    for folder in ("exports/2026-01-02", "numbered/20260102"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.jsonl").write_text('{"_id": 1, "lessons": 1, "kept": true}\n')
    (tmp_path / "pipeline.yaml").write_text(
        "name: days\n"
        f"data: {{mongo_export: '{export}', fields: {{lessons: lessons}}, label: kept}}\n"
        "features: {lessons: zscore}\nevaluate: {metrics: [auc], gates: none}\npush: {to: served}\n"
        + (f"infer: {{mongo_export: '{predict}', to: predictions}}\n" if predict else "")
    )
    compile_bundle(load([tmp_path / "pipeline.yaml"]), tmp_path / "bundles")
    made = open_bundle(next((tmp_path / "bundles").iterdir()))
    root = LocalRoot(tmp_path / "root")
    for node in ("MongoExampleGen", "StatisticsGen"):
        request = Request(made.folder, node, "r1", tmp_path, root.uri, span)
        assert obtain(root, made, request)[0].span == known
    with pytest.raises(SpecError, match="the span that it began with"):
        obtain(root, made, replace(request, span=span + 1))


def test_a_span_of_exports_without_spans_is_refused_by_the_first_node(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"_id": 1, "lessons": 1, "kept": true}\n')
    (tmp_path / "pipeline.yaml").write_text(
        "name: plain\ndata: {mongo_export: a.jsonl, fields: {lessons: lessons}, label: kept}\n"
        "features: {lessons: zscore}\nevaluate: {metrics: [auc], gates: none}\n"
    )
    compile_bundle(load([tmp_path / "pipeline.yaml"]), tmp_path / "bundles")
    made = open_bundle(next((tmp_path / "bundles").iterdir()))
    root = LocalRoot(tmp_path / "root")
    with pytest.raises(SpecError, match="leave --span out"):
        obtain(root, made, Request(made.folder, "MongoExampleGen", "r1", tmp_path, root.uri, 3))
