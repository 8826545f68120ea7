"""The code that a node's fingerprint covers, compared with what is really imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest

from components.node import Inputs
from pipeline.code import PACKAGES, Code
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, make_graph
from pipeline.lineage.store import MemoryLineage
from pipeline.nodes import NODES
from pipeline.plan import make_plan
from tests.pipeline.conftest import DOCUMENT, history_of, resolved

REPOSITORY = Path(__file__).resolve().parents[2]
EVERYTHING = {
    "tune": {},
    "train": {"warm_start": True},
    "validate": {"drift": {"country": {"l_infinity": 0.1}}},
    "infer": {"mongo_export": "new.jsonl", "to": "predictions"},
}


def full_graph(folder: Path, code: Code) -> Graph:
    """The graph of a document with every node that is possible for an export."""
    document = PipelineSpec.model_validate({**DOCUMENT, **EVERYTHING})
    inputs = Inputs(folder, resolved(), resolved("f2"), previous_statistics=True)
    return make_graph(document, inputs, code=code)


def roots(node: Any) -> list[str]:
    """The modules from which a node's code is traced."""
    return [node.build.partition(":")[0], *node.code]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    """Which module imports which, found independently: from syntax trees, without type-checking imports."""
    return grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)


def imported(graph: grimp.ImportGraph, modules: list[str]) -> set[str]:
    """Everything that modules import, with the packages that Python imports along the way."""
    found: set[str] = set()
    todo = [*modules]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            package = module.rpartition(".")[0]
            todo += [*graph.find_modules_directly_imported_by(module), *([package] if package else [])]
    return found


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.id)
def test_the_code_of_a_node_is_what_it_imports(node: Any, imports: grimp.ImportGraph) -> None:
    code = Code(REPOSITORY)
    by_name = {m for root in roots(node) for m in code.closure([root])} - imported(imports, roots(node))
    # The rest is reached through a dotted name in a string, as TFX takes its functions.
    named = [m for m in by_name if f'"{m}' in _texts(code)]
    assert by_name <= imported(imports, [*roots(node), *named])
    assert imported(imports, [*roots(node), *named]) <= code.closure(roots(node))


def _texts(code: Code) -> str:
    return "\n".join(file.read_text() for file in code.modules.values())


def copied(folder: Path) -> Path:
    """A copy of the code of our packages."""
    for package in ("foundation", "components"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "serving" / "server").mkdir(parents=True)
    (folder / "serving" / "server" / "main.py").write_text("")
    return folder


def planned(graph: Graph, history: MemoryLineage) -> set[str]:
    """The nodes that would run for their own reasons, not because another one runs."""
    reasons = {n.node.id: n.reason for n in make_plan(graph, history).to_run}
    return {node for node, reason in reasons.items() if "code" in reason}


def edited(code: Code, one: Path) -> Code:
    """The same code but for a comment in one file; what the files import is not read again, once for each file."""
    after = Code(code._base)
    after._imports = code._imports
    after._content = lambda file: code._content(file) + b"# edited\n" * (file == one)
    after.__dict__["modules"] = code.modules
    return after


def test_changing_a_file_changes_the_nodes_that_import_it(tmp_path: Path, imports: grimp.ImportGraph) -> None:
    code = Code(copied(tmp_path / "code"))
    before = full_graph(tmp_path, code)
    history = history_of(before, tmp_path / "artifacts")
    closures = {n.id: code.closure(roots(n.declared)) for n in before if not n.resolver}
    for module, file in code.modules.items():
        changed = planned(full_graph(tmp_path, edited(code, file)), history)
        assert changed == {node for node, closure in closures.items() if module in closure}, module


@pytest.mark.parametrize(
    ("file", "nodes"),
    [
        pytest.param("components/trainer/fitting/training.py", {"Tuner", "Trainer"}, id="training"),
        pytest.param("components/evaluation_gate/gate.py", {"EvaluationGate"}, id="gate"),
        pytest.param("components/tuner/trials.py", {"Tuner"}, id="trials"),
    ],
)
def test_an_edit_changes_the_right_nodes(tmp_path: Path, file: str, nodes: set[str]) -> None:
    base = copied(tmp_path / "code")
    history = history_of(full_graph(tmp_path, Code(base)), tmp_path / "artifacts")
    with (base / file).open("a") as text:
        text.write("# edited\n")
    assert planned(full_graph(tmp_path, Code(base)), history) == nodes


def test_a_file_in_a_sub_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "components" / "x" / "inner").mkdir(parents=True)
    (tmp_path / "components" / "x" / "a.py").write_text("from components.x.inner import (\n    b,\n)\n")
    (tmp_path / "components" / "x" / "inner" / "b.py").write_text("")
    assert "components.x.inner.b" in Code(tmp_path).closure(["components.x.a"])


def test_what_only_type_checkers_see_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "components").mkdir()
    text = "if TYPE_CHECKING:\n    from components import b\n\n    import components.c\nfrom components import d\n"
    (tmp_path / "components" / "a.py").write_text(text)
    for name in "bcd":
        (tmp_path / "components" / f"{name}.py").write_text("")
    assert Code(tmp_path).closure(["components.a"]) == {"components.a", "components.d"}


def test_a_name_that_is_not_a_module_is_refused() -> None:
    with pytest.raises(LookupError, match=r"nowhere\.at\.all is not a module"):
        Code(REPOSITORY).digest(["nowhere.at.all"])


RUN_BY_NAME = {
    "Transform": "components.transform.preprocessing",
    "Tuner": "components.tuner.tuner_fn",
    "Trainer": "components.trainer.run_fn",
    "Evaluator": "components.evaluator.module",
}
"""Node → the module that TFX is given by name."""


@pytest.mark.component
def test_nothing_is_imported_that_the_digest_does_not_cover(tmp_path: Path) -> None:
    code = Code(REPOSITORY)
    nodes = [n for n in NODES if n.id in RUN_BY_NAME]
    # One process, so that TensorFlow is imported once; our modules are imported afresh for each node.
    script = f"""
import importlib, json, sys
def ours():
    return [m for m in sys.modules if m.split(".")[0] in {PACKAGES}]
for names in json.loads(sys.argv[1]):
    for module in ours():
        del sys.modules[module]
    for name in names:
        importlib.import_module(name)
    print(json.dumps(ours()))
"""
    asked = json.dumps([[*roots(node), RUN_BY_NAME[node.id]] for node in nodes])
    done = subprocess.run(
        [sys.executable, "-c", script, asked], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    for node, line in zip(nodes, done.stdout.splitlines()[-len(nodes) :], strict=True):
        assert set(json.loads(line)) <= code.closure(roots(node)), node.id
