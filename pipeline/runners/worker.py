"""A process that runs nodes, one at a time, as its parent says over a pipe.

TensorFlow lives only in such processes: commands answer at once, two cores are used where the graph allows, and a node
that takes its process down does not take the run's bookkeeping with it. Requests and answers are one JSON object a line:
``{"run": node}``, ``{"reuse": node, "execution": id}`` and ``{"warm": node}``, answered by ``{"done": …}`` or
``{"failed": …}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

from foundation.errors import NodeError, PenstockError, StorageError
from pipeline.runners.job import Job


def main(job_file: str, requests_fd: int, answers_fd: int) -> None:
    """Serves requests until the parent closes the pipe; then ends with everything that it has started."""
    requests: list[dict[str, Any]] = []
    arrived = threading.Condition()
    threading.Thread(target=_listen, args=(requests_fd, requests, arrived), daemon=True).start()
    with os.fdopen(answers_fd, "w", encoding="utf-8") as answers:
        executor = _start(job_file, answers)
        while executor is not None:
            with arrived:
                arrived.wait_for(lambda: bool(requests))
                request = requests.pop(0)
            _answer(answers, _serve(executor, request))


def _listen(fd: int, requests: list[dict[str, Any]], arrived: threading.Condition) -> None:
    with os.fdopen(fd, encoding="utf-8") as lines:
        for line in lines:
            with arrived:
                requests.append(json.loads(line))
                arrived.notify()
    # The parent is gone, perhaps killed: nothing may go on writing, so the whole process group ends now.
    os.killpg(0, signal.SIGKILL)


def _start(job_file: str, answers: IO[str]) -> Any:
    started = time.monotonic()
    try:
        from pipeline.runners.node_executor import NodeExecutor

        executor = NodeExecutor(Job.read(Path(job_file)))
    except Exception as error:  # noqa: BLE001 - becomes the answer
        _answer(answers, _failure("start", error))
        return None
    _answer(answers, {"done": "start", "seconds": time.monotonic() - started})
    return executor


def _serve(executor: Any, request: dict[str, Any]) -> dict[str, Any]:
    kind = next(k for k in ("run", "reuse", "warm") if k in request)
    node = request[kind]
    started = time.monotonic()
    try:
        if kind == "run":
            execution = executor.run(node)
        elif kind == "reuse":
            execution = executor.reuse(node, request["execution"])
        else:
            execution = executor.warm(node)
    except Exception as error:  # noqa: BLE001 - becomes the answer
        return _failure(node, error)
    seconds = time.monotonic() - started
    counted = executor.counted(execution) if kind == "run" else {}
    return {"done": node, "seconds": seconds, "execution": execution, "counted": counted}


def _failure(node: str, error: BaseException) -> dict[str, Any]:
    known = our_error(error)
    if known is None:
        first = str(error).strip().splitlines()[0][:400] if str(error).strip() else ""
        full = "disk is full" in str(error) or "No space left on device" in str(error)
        kind, remedy = (
            (StorageError, "free space, then run again") if full else (NodeError, "read the run's log")
        )
        known = kind(f"node {node} failed", seen=f"{type(error).__name__}: {first}", remedy=remedy)
    parts = [known.subject, known.expected, known.seen, known.remedy]
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(text)
    sys.stderr.flush()
    return {"failed": node, "kind": type(known).__name__, "parts": parts, "traceback": text}


def our_error(error: BaseException | None) -> PenstockError | None:
    """Returns the first error of ours in a chain of causes, or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, PenstockError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _answer(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
