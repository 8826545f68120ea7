"""Starts the processes of a training on several devices, and ends them all when one of them fails.

TensorFlow decides on its devices and its cluster once, when a process starts to use it; so such a training has processes of its
own, and one that is lost takes no other node with it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.trainer.config import DevicesConfig
from components.trainer.distributed.cluster import TF_CONFIG, Cluster
from foundation import progress
from foundation.errors import NodeError, PenstockError, SpecError, from_json
from foundation.processes import children
from foundation.processes.children import Child
from foundation.publish import write_text

_MAIN = "components.trainer.distributed.worker:main"
_LOOK_EVERY = 0.1
_GRACE = 5.0
"""Seconds in which the others may end after one has failed, so that the first cause can be told from what follows from it."""

Arguments = Mapping[str, Any]
"""The arguments of a training as plain JSON."""


def train(arguments: Arguments, devices: DevicesConfig, folder: Path) -> None:
    """Trains in processes of its own and waits for their end.

    Args:
        arguments: What ``worker.main`` gives to ``run_fn``.
        devices: The ``train.devices`` slice.
        folder: Folder for arguments, logs and outcomes; it is kept, as the place to look when a worker fails.

    Raises:
        PenstockError: What a worker raised, or that one was lost.
    """
    wanted = {
        "arguments": dict(arguments),
        "devices": devices.model_dump(mode="json"),
        "token": uuid.uuid4().hex,
    }
    if devices.strategy == "mirrored":
        _run(wanted, [None], folder)
    elif devices.workers:
        _run(wanted, Cluster.local(devices.workers), folder)
    else:
        cluster = Cluster.from_environment()
        if not cluster.is_chief:
            raise _not_the_chief(cluster)
        with _published(wanted, meeting_file(folder.parents[2], cluster)):
            _run(wanted, [cluster], folder)


def join(root: Path, cluster: Cluster, wait: float, folder: Path) -> None:
    """Takes part in the training that the chief of a cluster starts.

    Args:
        root: Pipeline root that all workers share.
        cluster: The cluster and which worker of it this is.
        wait: Seconds to wait for the chief.
        folder: Folder for this worker's log.

    Raises:
        NodeError: The chief did not start a training, or the training failed.
    """
    if cluster.is_chief:
        raise SpecError(
            "this worker",
            expected="any but the chief",
            seen=f"{cluster.kind} {cluster.index}",
            remedy="run the Trainer node here, and this command on the other machines",
        )
    file = meeting_file(root / "Trainer", cluster)
    until = time.monotonic() + wait
    while not file.exists():
        if time.monotonic() > until:
            raise NodeError(
                f"worker {cluster.index}",
                expected=f"the chief's {file}",
                seen=f"nothing for {wait:g} seconds",
                remedy="start the Trainer node on the chief with the same cluster in TF_CONFIG and the same root",
            )
        time.sleep(_LOOK_EVERY)
    _run(json.loads(file.read_text(encoding="utf-8")), [cluster], folder)


def meeting_file(node: Path, cluster: Cluster) -> Path:
    """Returns where the chief of a cluster leaves the arguments for the other workers.

    Args:
        node: Folder of Trainer in the pipeline root.
        cluster: The cluster.
    """
    return node / "workers" / f"{cluster.digest}.json"


@contextlib.contextmanager
def _published(wanted: Mapping[str, Any], file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(wanted))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Worker:
    """A process that was started, and its files."""

    name: str
    child: Child
    outcome: Path
    log: Path


def _run(wanted: Mapping[str, Any], clusters: Sequence[Cluster | None], folder: Path) -> None:
    """Runs a process for each place in a cluster; None is a training on one machine."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "arguments.json"
    write_text(file, json.dumps(wanted))
    workers: list[_Worker] = []
    try:
        for cluster in clusters:
            workers.append(_started(file, cluster, folder))
        _wait(workers)
    finally:
        _end(workers)
        file.unlink(missing_ok=True)


def _started(arguments: Path, cluster: Cluster | None, folder: Path) -> _Worker:
    name = f"{cluster.kind}-{cluster.index}" if cluster else "chief"
    outcome, log = folder / f"{name}.json", folder / f"{name}.log"
    environment = {TF_CONFIG: cluster.variable if cluster else "{}"}
    child = children.start(_MAIN, [str(arguments), str(outcome)], output=log, environment=environment)
    return _Worker(name, child, outcome, log)


def _wait(workers: Sequence[_Worker]) -> None:
    """Waits until all have ended well, or one has not.

    Raises:
        PenstockError: One has failed.
    """
    heard = 0
    while any(one.child.poll() is None for one in workers):
        heard = _hear(workers[0], heard)
        if any(one.child.poll() for one in workers):
            break
        time.sleep(_LOOK_EVERY)
    _hear(workers[0], heard)
    if any(one.child.poll() for one in workers):
        _give_grace(workers)
        raise _cause(workers)


def _hear(chief: _Worker, heard: int) -> int:
    """Passes on what the chief has told since, and returns how much it has told."""
    file = chief.outcome.with_suffix(".progress")
    if not file.exists():
        return heard
    lines = file.read_text(encoding="utf-8").splitlines()
    for line in lines[heard:]:
        with contextlib.suppress(ValueError):  # the last one may be half written
            progress.report(**json.loads(line))
    return len(lines)


def _give_grace(workers: Sequence[_Worker]) -> None:
    until = time.monotonic() + _GRACE
    while any(one.child.poll() is None for one in workers) and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)


def _cause(workers: Sequence[_Worker]) -> PenstockError:
    """Returns what a worker raised; else which one was lost, one that was killed before those that missed it."""
    for one in workers:
        if one.child.returncode and one.outcome.exists():
            said = from_json(json.loads(one.outcome.read_text(encoding="utf-8")))
            if said is not None:
                return said
    lost = [one for one in workers if one.child.returncode]
    first = next((one for one in lost if one.child.returncode == -9), lost[0])
    return NodeError(
        f"training: {first.name} of {len(workers)} here",
        expected="to train to the end",
        seen=f"its process ended with exit code {first.child.returncode}, or a worker elsewhere was lost",
        remedy=f"read {first.log}; check memory and network; run again: nothing was published",
    )


def _end(workers: Sequence[_Worker]) -> None:
    for one in workers:
        if one.child.poll() is None:
            one.child.terminate()
    for one in workers:
        try:
            one.child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            one.child.kill()
            one.child.wait()
        one.outcome.with_suffix(".progress").unlink(missing_ok=True)


def _not_the_chief(cluster: Cluster) -> SpecError:
    return SpecError(
        "node Trainer",
        expected="the chief of the cluster in TF_CONFIG",
        seen=f"{cluster.kind} {cluster.index}",
        remedy="run 'penstock train-worker --root ROOT' here: the chief alone runs the node",
    )
