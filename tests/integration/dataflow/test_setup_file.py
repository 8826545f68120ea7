"""What ``--setup_file`` stages is whole: installed elsewhere, it imports all that workers import, from what the lock names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[3]
PACKAGES = ("foundation", "pipeline", "components", "serving")
IMPORTS = """
import importlib, importlib.metadata, json, re, sys
sys.path += sys.argv[1:3]
lock = set(json.loads(sys.argv[3]))
owners = importlib.metadata.packages_distributions()
canonical = lambda name: re.sub(r"[-_.]+", "-", name).lower()
absent = {name for name, of in owners.items() if not lock & set(map(canonical, of))}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pipeline.nodes import NODES
for node in NODES:
    if node.elsewhere:
        importlib.import_module(node.build.partition(":")[0])
import pipeline.engines.dataflow.beam_runner
ours = [sys.modules[name].__file__ for name in ("components", "pipeline", "foundation")]
print(json.dumps({"ours": ours, "absent": sorted(absent)}))
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution that Beam stages, built by Beam's own stager from a copy of what is under version control."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.stager import Stager

    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if name.startswith(tuple(f"{one}/" for one in PACKAGES)) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, source / name)
    options = PipelineOptions([f"--setup_file={source}/setup.py"])
    artifacts = Stager.create_job_resources(options, str(built))
    assert b"workflow.tar.gz" in b"".join(one.role_payload for one in artifacts)
    return next(built.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def installed(staged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the staged package is installed into."""
    folder = tmp_path_factory.mktemp("worker")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, *offline, str(staged)], check=True)
    return folder


def test_every_file_of_the_packages_is_installed(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    missing = [name for name in listed.stdout.splitlines() if not (installed / name).is_file()]
    assert [name for name in missing if not name.endswith((".md", ".proto"))] == []


def test_workers_import_what_they_need_with_nothing_but_what_the_lock_names(installed: Path) -> None:
    lock = (REPOSITORY / "requirements" / "runtime.txt").read_text()
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE)
    named = [re.sub(r"[-_.]+", "-", name).lower() for name in lines] + ["penstock"]
    # Without ``site`` no .pth file is read, so that this repository is not on the path: only its libraries are.
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = subprocess.run(
        [sys.executable, "-S", "-P", "-c", IMPORTS, str(installed), libraries, json.dumps(named)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=installed.parent,
        env=environment,
    )
    found = json.loads(told.stdout.splitlines()[-1])
    assert all(path.startswith(str(installed)) for path in found["ours"])
    assert {"pytest", "matplotlib"} <= set(found["absent"])
