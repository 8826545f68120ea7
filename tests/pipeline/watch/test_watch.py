"""Saves start runs: what counts as a save, what a save during a run does, and how it all ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.watch.files import Saves, changed
from tests.serving.server_process import until

WATCH = """
import sys
from pathlib import Path
from pipeline.watch import loop
loop._boot = lambda: {stub!r}
try:
    loop.Watch([Path("pipeline.yaml")], [], lambda line: print(line, flush=True), lambda *_: []).forever()
except KeyboardInterrupt:
    sys.exit(130)
"""
STUB = """
import os, signal, sys, time
with open({log!r}, "a") as log:
    log.write(f"{{os.getpid()}} {{open('pipeline.yaml').read().strip()}}\\n")
def end(*_):
    with open({log!r}, "a") as log:
        log.write("interrupted\\n")
    sys.exit(130)
signal.signal(signal.SIGINT, end)
time.sleep({seconds})
"""


class Watched:
    """``Watch`` in a process of its own on a document; the run is a double that notes what it read, and takes its time."""

    def __init__(self, folder: Path, seconds: float, document: str | None) -> None:
        self.document, self.log, self.output = (folder / n for n in ("pipeline.yaml", "log", "output"))
        if document is not None:
            self.document.write_text(document)
        stub = STUB.format(log=str(self.log), seconds=seconds)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WATCH.format(stub=stub)],
                cwd=folder,
                stdout=output,
                stderr=output,
                process_group=0,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def read(self) -> list[str]:
        """What each run read."""
        return [line.partition(" ")[2] for line in self.lines if " " in line]

    def save(self, text: str) -> None:
        """Saves as editors do: another file, then a rename."""
        other = self.document.with_name(".pipeline.yaml.swp")
        other.write_text(text)
        other.rename(self.document)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def watched(tmp_path: Path) -> Callable[..., Watched]:
    made: list[Watched] = []

    def start(seconds: float, document: str | None = "one: 1") -> Watched:
        made.append(Watched(tmp_path, seconds, document))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_a_save_starts_a_run_and_a_touch_does_not(watched: Callable[..., Watched]) -> None:
    one = watched(0)
    until(lambda: "Watching 1 files" in one.output.read_text())
    os.utime(one.document, (1, 1))
    one.save("one: 1")
    time.sleep(1)
    assert one.read == ["one: 1"]
    one.save("one: 2")
    until(lambda: one.read == ["one: 1", "one: 2"])
    assert "Saved: pipeline.yaml." in one.output.read_text()
    assert one.end() == 130


def test_own_code_that_is_broken_or_missing_from_the_start_is_waited_for(
    watched: Callable[..., Watched], tmp_path: Path
) -> None:
    model, beside = tmp_path / "model.py", tmp_path / "lib" / "units.py"
    model.write_text("def build(")
    one = watched(0, "model: model.py:build")
    until(lambda: one.output.read_text().count("Watching") == 1)
    model.write_text("from lib.units import UNITS")
    until(lambda: one.output.read_text().count("Watching") == 2)
    assert "Saved: model.py." in one.output.read_text()
    beside.parent.mkdir()
    beside.with_name("__init__.py").write_text("")
    until(lambda: one.output.read_text().count("Watching") == 3)
    beside.write_text("UNITS = (")
    until(lambda: one.output.read_text().count("Watching") == 4)
    beside.write_text("UNITS = 3")
    until(lambda: one.output.read_text().count("Watching") == 5)
    assert "Saved: units.py." in one.output.read_text()
    assert len(one.read) == 5


def test_a_document_that_is_a_link_is_saved_when_it_points_elsewhere_or_what_it_points_to_changes(
    watched: Callable[..., Watched], tmp_path: Path
) -> None:
    first, second, link = (tmp_path / name for name in ("first.yaml", "second.yaml", "pipeline.yaml"))
    first.write_text("one: 1")
    second.write_text("one: 2")
    link.symlink_to(first)
    one = watched(0, None)
    until(lambda: one.read == ["one: 1"] and "Watching 1 files" in one.output.read_text())
    other = tmp_path / "other"
    other.symlink_to(second)
    other.rename(link)
    until(lambda: one.read == ["one: 1", "one: 2"])
    second.write_text("one: 3")
    until(lambda: one.read == ["one: 1", "one: 2", "one: 3"])


def test_saves_in_a_burst_count_once(watched: Callable[..., Watched]) -> None:
    one = watched(0)
    until(lambda: "Watching" in one.output.read_text())
    for number in range(5):
        one.save(f"one: {number + 10}")
        time.sleep(0.05)
    until(lambda: one.read[-1:] == ["one: 14"])
    time.sleep(1)
    assert len(one.read) <= 3, one.read
    assert one.read[-1] == "one: 14"


def test_a_save_during_a_run_ends_it_as_ctrl_c_does_and_starts_anew(
    watched: Callable[..., Watched],
) -> None:
    one = watched(600)
    until(lambda: one.read == ["one: 1"])
    one.save("one: 2")
    until(lambda: one.read == ["one: 1", "one: 2"])
    assert "interrupted" in one.lines
    assert "it starts anew" in one.output.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and asks the kernel to end orphans")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_nothing_outlives_it(watched: Callable[..., Watched], how: signal.Signals) -> None:
    one = watched(600)
    until(lambda: len(one.read) == 1)
    run = int(one.lines[0].split()[0])
    one.process.send_signal(how)
    one.process.wait(30)
    until(lambda: not Path(f"/proc/{run}").exists())
    assert "interrupted" in one.lines


def test_a_file_that_is_away_for_a_moment_is_no_save(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text("a")
    saves = Saves({file})
    before = saves.look()
    file.unlink()
    assert changed(before, saves.look()) == [file]
    file.write_text("a")
    assert changed(before, saves.look()) == []
