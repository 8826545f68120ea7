"""The process that works for a node: forked where a person asks for a zygote, and a new Python otherwise."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pipeline.runners import forking
from pipeline.runners.job import Job
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.place import NoZygoteError
from pipeline.task import work
from pipeline.task.work import Work
from tests.foundation.processes.test_tether import is_alive
from tests.pipeline.runners.test_forking import job
from tests.pipeline.runners.zygote.conftest import folder, targets, until, zygote

__all__ = ["folder", "job", "targets", "zygote"]


@pytest.fixture
def asked(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> Zygote:
    """A zygote that is asked for; its processes answer every request with their process id."""
    monkeypatch.setenv("PENSTOCK_ZYGOTE", "nodes")
    monkeypatch.setattr(forking, "obtain", lambda preload: zygote)
    answers = partial(forking.ForkedProcess, target="zygote_targets:answers_all")
    monkeypatch.setattr(forking, "ForkedProcess", answers)
    return zygote


def test_a_node_is_forked_where_a_zygote_is_asked_for_and_ends_with_its_work(asked: Zygote, job: Job) -> None:
    node = Work("Pusher", job.folder)
    answer = node.carry_out(job, {}, {"run": "Pusher"}, lambda seconds: None)
    process = int(answer["execution"])

    assert is_alive(process)
    node.end()
    assert until(lambda: not is_alive(process))


def test_a_forked_node_that_dies_is_told_as_such(asked: Zygote, job: Job) -> None:
    node = Work("Pusher", job.folder)
    with pytest.raises(forking.NodeError, match="ended by SIGKILL"):
        node.carry_out(job, {}, {"run": "Dies"}, lambda seconds: None)
    node.end()


def test_without_a_zygote_that_does_as_it_should_a_plain_process_works_and_the_log_says_why(
    asked: Zygote, job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(preload: object) -> Zygote:
        raise NoZygoteError("it is about to end")

    monkeypatch.setattr(forking, "obtain", refuses)
    monkeypatch.setattr(work, "WorkerProcess", lambda desk, output: "plain")
    assert work._process("Pusher", job) == "plain"
    assert "Pusher: the zygote: it is about to end; a plain process does the work" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["auto", "off", "on"])
def test_nobody_asked_is_a_new_python(
    said: str, job: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PENSTOCK_ZYGOTE", said)
    monkeypatch.setattr(work, "WorkerProcess", lambda desk, output: "plain")
    assert work._process("Pusher", job) == "plain"
