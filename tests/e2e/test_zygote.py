"""A real zygote: what it forks can train and save, and no run leaves a process behind, however it ends.

``PENSTOCK_TEST_FORKS=200 .venv/bin/pytest tests/e2e/test_zygote.py -k save`` repeats the forks as often.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.runners.zygote import client, preload
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.forked import Forked, fork_like_this

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "learner_retention"
COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; import sys; sys.exit(main())"]
FORKS = int(os.environ.get("PENSTOCK_TEST_FORKS", "3"))

TARGETS = """
import os, sys, time

def trains():
    import keras, numpy as np, tensorflow as tf
    assert float(tf.function(lambda x: x * 2)(tf.constant(21.0))) == 42
    rows = tf.data.Dataset.from_tensor_slices((np.ones((64, 4), "float32"), np.ones(64))).batch(16)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(rows, epochs=2, verbose=0)
    model.export(sys.argv[1], verbose=False)
    saved = tf.saved_model.load(sys.argv[1])
    assert saved.serve(np.ones((1, 4), "float32")).shape == (1, 1)

def waits():
    time.sleep(300)
"""


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    """A run-time folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="zyg"))
    before = os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("PENSTOCK_ZYGOTE")
    os.environ["XDG_RUNTIME_DIR"], os.environ["PENSTOCK_ZYGOTE"] = str(folder), "on"
    yield folder
    for one in client.standing():
        os.kill(one.pid, signal.SIGKILL)
    for name, value in zip(("XDG_RUNTIME_DIR", "PENSTOCK_ZYGOTE"), before, strict=True):
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    shutil.rmtree(folder)


@pytest.fixture
def zygote(runtime: Path) -> Zygote:
    """The zygote that runs of this environment use."""
    return client.obtain(preload.EVERYTHING)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, small and without its schema."""
    folder = tmp_path_factory.mktemp("examples") / "learner_retention"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".penstock", "serving_models", "exports"))
    shutil.copytree(EXAMPLE / "exports" / "learners" / "1", folder / "exports" / "learners" / "1")
    return folder


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    # Where the tests run in the background, Ctrl-C is ignored, and a child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [*COMMAND, *arguments, "--set", "data.span=1"]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def processes_in(folder: Path) -> dict[int, str]:
    """Living processes whose working directory is in a folder, with their parents: the command and its workers."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                about = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = about[1] if about[0] not in "ZX" else ""
        except OSError:
            continue
    return {pid: parent for pid, parent in found.items() if parent}


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 100
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def is_running(project: Path, node: str) -> bool:
    newest = max(project.glob(".penstock/runs/*/run.json"), default=None)
    nodes = json.loads(newest.read_text())["nodes"] if newest else []
    return any((n["node"], n["state"]) == (node, "running") for n in nodes)


def forks(zygote: Zygote, folder: Path, target: str, *arguments: str) -> Forked:
    (folder / "real_targets.py").write_text(TARGETS, encoding="utf-8")
    search = [str(folder), *filter(None, sys.path)]
    with (folder / "output.txt").open("wb") as output:
        return zygote.fork(
            fork_like_this(f"real_targets:{target}", arguments, search, str(folder)), [output.fileno()]
        )


def test_every_forked_process_can_train_and_save(zygote: Zygote, tmp_path: Path) -> None:
    for number in range(FORKS):
        child = forks(zygote, tmp_path, "trains", str(tmp_path / f"model{number}"))
        assert child.wait(100) == 0, f"fork {number}: {(tmp_path / 'output.txt').read_text()}"
        shutil.rmtree(tmp_path / f"model{number}")


def test_it_has_loaded_no_code_of_a_persons_and_run_nothing(zygote: Zygote) -> None:
    pid = zygote.place.holder()
    # With an operation, TensorFlow's pools of threads would be there.
    assert len(os.listdir(f"/proc/{pid}/task")) <= 4
    opened = [os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir() if file.exists()]
    assert not any(name.endswith((".sqlite", ".db")) for name in opened)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["kill -9", "Ctrl-C"]
)
def test_a_run_that_is_ended_leaves_only_the_zygote(
    zygote: Zygote, project: Path, sent: signal.Signals, code: int
) -> None:
    running = start(project, "run", "--force", "--to", "StatisticsGen")
    assert until(lambda: is_running(project, "MongoExampleGen"))
    pid = str(zygote.place.holder())
    assert until(lambda: pid in processes_in(project).values()), "the node is a child of the zygote"
    running.send_signal(sent)
    running.communicate(timeout=60)
    assert running.returncode == code
    assert until(lambda: not processes_in(project))
    assert [str(one.pid) for one in client.standing()] == [pid]


def test_a_failure_in_a_forked_process_is_told_as_before(zygote: Zygote, project: Path) -> None:
    made = project / ".penstock" / "artifacts" / "SchemaInferrer"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text("in the way of its folder", encoding="utf-8")
    failing = start(project, "--debug", "run", "--to", "SchemaInferrer")
    said, _ = failing.communicate(timeout=200)
    made.unlink()
    assert failing.returncode == 5, said
    assert "node SchemaInferrer failed; seen: " in said
    assert "in serve\n" in said, "the traceback is the worker's"
    assert until(lambda: not processes_in(project))


def test_a_forked_process_that_is_killed_fails_its_node_with_its_exit_code(
    zygote: Zygote, project: Path
) -> None:
    running = start(project, "run", "--force", "--to", "StatisticsGen")
    assert until(lambda: is_running(project, "MongoExampleGen"))
    parent = str(zygote.place.holder())
    assert until(lambda: parent in processes_in(project).values())
    for pid, of in processes_in(project).items():  # the node's, and the one that is ready for the next
        if of == parent:
            os.kill(pid, signal.SIGKILL)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 5
    assert "node MongoExampleGen: its process ended; seen: exit code -9" in " ".join(said.split())
    assert until(lambda: not processes_in(project))


def test_two_runs_at_once_share_it(zygote: Zygote, project: Path) -> None:
    other = project.parent / "other"
    shutil.copytree(project, other, ignore=shutil.ignore_patterns(".penstock"))
    both = [start(folder, "run", "--force", "--to", "StatisticsGen") for folder in (project, other)]
    for running in both:
        said, _ = running.communicate(timeout=200)
        assert running.returncode == 0, said
    assert [one.pid for one in client.standing()] == [zygote.place.holder()]
    for folder in (project, other):
        assert "penstock:" not in max(folder.glob(".penstock/runs/*/log.txt")).read_text()
        assert until(lambda folder=folder: not processes_in(folder))


def test_a_zygote_killed_in_a_run_fails_nothing(zygote: Zygote, project: Path) -> None:
    pid = zygote.place.holder()
    assert pid is not None
    running = start(project, "run", "--force", "--to", "StatisticsGen")
    assert until(lambda: is_running(project, "MongoExampleGen"))
    os.kill(pid, signal.SIGKILL)
    said, _ = running.communicate(timeout=200)
    assert running.returncode == 0, said
    log = max(project.glob(".penstock/runs/*/log.txt")).read_text()
    assert "a plain worker runs the node" in log
    assert until(lambda: not processes_in(project))
