"""Promotion and rollback of two embedded servers under live traffic, by the command line: no client ever sees an error."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving.client import Client
from serving.experiments.state.lifecycle import Phase, change, read_lifecycle
from serving.experiments.state.sqlite import SqliteStore
from tests.serving.server_process import ServerProcess, until

if TYPE_CHECKING:
    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.component

CONFIG = """\
# The learners' model; ask before you change it.
model_config_list {{
  config {{
    name: "half"
    base_path: "{base}"
    model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}  # what applications ask for
    version_labels {{ key: "canary" value: 2 }}
  }}
}}
"""
FLAGS = (
    "--allow_version_labels_for_unavailable_models=true",
    "--model_config_file_poll_wait_seconds=1",
    "--enable_model_warmup=false",
)
DOCUMENT = """
backends:
  main: {{grpc: "127.0.0.1:{0}", models: main/models.config}}
  far: {{grpc: "127.0.0.1:{1}", models: far/models.config}}
experiments:
  exam: {{model: half, control: old, arms: {{old: {{label: stable}}, new: {{label: canary}}}}, reward: {{metric: passed}}}}
"""


@pytest.fixture(scope="module")
def stage(
    models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[ServerProcess]]]:
    folder = tmp_path_factory.mktemp("promotion")
    with ExitStack() as stack:
        servers = []
        for name in ("main", "far"):
            base = folder / name / "half"
            for version in (1, 2, 3):
                models.place("half_plus_two", base, version)
            (folder / name / "models.config").write_text(CONFIG.format(base=base))
            flags = f"--model_config_file={folder / name / 'models.config'}", *FLAGS
            servers.append(stack.enter_context(ServerProcess(folder / name, *flags, rest=False, fresh=True)))
        (folder / "experiments.yaml").write_text(DOCUMENT.format(*(server.port for server in servers)))
        for server in servers:
            with Client(f"grpc://{server.address}") as client:
                until(lambda client=client: len(client.status("half").available) == 3, 60)
        yield folder, servers


class Traffic:
    """Applications that ask for the label, without pause and without retries, until they are stopped."""

    def __init__(self, server: ServerProcess) -> None:
        self.seen: Counter[str] = Counter()
        self._client = Client(f"grpc://{server.address}", retries=0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.seen[f"version {self._client.predict('half', [1.0], label='stable').version}"] += 1
            except Exception as error:  # noqa: BLE001 - any error is what the test looks for
                self.seen[repr(error)] += 1

    def asked(self, what: str) -> None:
        """Waits until an answer was seen some more times."""
        before = self.seen[what]
        until(lambda: self.seen[what] > before + 20)


def penstock(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pipeline.cli.main",
        "experiment",
        *words,
        "-f",
        str(folder / "experiments.yaml"),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_live_traffic_sees_no_error_while_labels_move_there_and_back(
    stage: tuple[Path, list[ServerProcess]],
) -> None:
    folder, servers = stage
    store = SqliteStore(folder / "experiments.db")
    change(store, "exam", lambda life: life.moved_to(Phase.RUNNING, store.now()))
    with ExitStack() as stack:
        traffic = [stack.enter_context(Traffic(server)) for server in servers]
        for one in traffic:
            one.asked("version 1")
        refused = penstock(folder, "promote", "exam")
        assert refused.returncode != 0
        assert "--anyway" in refused.stderr + refused.stdout
        done = penstock(folder, "promote", "exam", "new", "--anyway")
        assert done.returncode == 0, done.stderr
        assert (
            "Label stable of model half points at version 2 at main, far (it pointed at version 1)."
            in done.stdout
        )
        for one in traffic:
            one.asked("version 2")
        assert read_lifecycle(store, "exam").phase is Phase.PROMOTED
        back = penstock(folder, "rollback", "exam")
        assert back.returncode == 0, back.stderr
        for one in traffic:
            one.asked("version 1")
    for one in traffic:
        assert set(one.seen) == {"version 1", "version 2"}
    for name in ("main", "far"):
        file = folder / name / "models.config"
        assert file.read_text() == CONFIG.format(base=folder / name / "half")
    assert read_lifecycle(store, "exam").phase is Phase.ROLLED_BACK
    assert [event.kind for event in store.events("exam")] == ["promoted", "rolled_back"]
    store.close()


def test_if_one_server_cannot_the_other_is_as_before(stage: tuple[Path, list[ServerProcess]]) -> None:
    """The second server is told of a version that only the first has."""
    folder, servers = stage
    store = SqliteStore(folder / "experiments.db")
    change(store, "exam", lambda life: life.moved_to(Phase.RUNNING, store.now()))
    file = folder / "far" / "models.config"
    whole = file.read_text()
    without = whole.replace("all {}", "specific { versions: 1 versions: 3 }").replace(
        '"canary" value: 2', '"canary" value: 3'
    )
    file.write_text(without)
    with Client(f"grpc://{servers[1].address}") as client:
        until(lambda: client.status("half").available == (3, 1), 60)
    failed = penstock(folder, "promote", "exam", "--anyway")
    assert failed.returncode != 0
    assert "version 2 loaded" in failed.stderr + failed.stdout
    for server in servers:
        with Client(f"grpc://{server.address}") as client:
            assert client.metadata("half", label="stable").version == 1
    assert (folder / "main" / "models.config").read_text() == CONFIG.format(base=folder / "main" / "half")
    assert file.read_text() == without
    assert read_lifecycle(store, "exam").phase is Phase.RUNNING
    store.close()
