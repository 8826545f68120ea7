"""A process that fits the trials that a search gives it, one after the other, until it is ended."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from components.tuner.workers.jobs import Job, fitted
from foundation.errors import NodeError, PenstockError, as_json
from foundation.processes import memory
from foundation.publish import write_text

_LOOK_EVERY = 0.02


def main() -> int:
    """Loads the data and fits what the folder named in the arguments is given; ends with the process that started it."""
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO)
    try:
        trials = _loaded(json.loads((folder.parent / "arguments.json").read_text(encoding="utf-8")))
    except Exception as error:  # noqa: BLE001 - whatever it is, the search ends with it
        traceback.print_exc()
        ours = isinstance(error, PenstockError)
        told = (
            error if ours else NodeError("tuning: loading the data", seen=f"{type(error).__name__}: {error}")
        )
        _tell(folder, {"failed": as_json(told)})  # type: ignore[arg-type]
        return 1
    resident = memory.resident() or 0
    _tell(folder, {"ready": memory.private() or 0})
    while True:
        done = fitted(trials.train, _awaited(folder / "job.json"))
        _tell(folder, {"fitted": done.as_json(), "growth": max(0, (memory.peak() or 0) - resident)})


def _loaded(arguments: dict[str, Any]) -> Any:
    import tensorflow as tf

    threads = arguments.pop("threads")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    from components.tuner.training import TrialTraining

    trials = TrialTraining(**arguments)
    trials.load()
    return trials


def _awaited(file: Path) -> Job:
    """Waits for a job and returns it; its time counts from now."""
    while not file.exists():
        time.sleep(_LOOK_EVERY)
    said = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    until = None if said["left"] is None else time.monotonic() + said["left"]
    return Job(
        said["trial"],
        said["values"],
        said["epochs"],
        lambda: None if until is None else until - time.monotonic(),
    )


def _tell(folder: Path, answer: dict[str, Any]) -> None:
    write_text(folder / "answer.json", json.dumps(answer))
