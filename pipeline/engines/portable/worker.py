"""A worker process of Beam in this environment's Python, as an engine's ``PROCESS`` environment starts it.

It does what the boot program of Beam's container does, without installing anything: everything is in this environment.
It ends when the process that started it has.
"""

from __future__ import annotations

import argparse
import os
import shlex
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

# -I ignores the working directory and PYTHON* variables, so a user's folder of one of our names never hides ours.
_BOOT = "import sys; sys.path[:] = {path!r}; from pipeline.engines.portable.worker import main; main()"
_LOOK = 1.0
"""Seconds between two looks whether the process that started this one is still there."""


def write_command(folder: Path) -> Path:
    """Writes the program that starts a worker on this machine.

    Args:
        folder: Where to; its path must hold no comma and no space, as it becomes part of an option.

    Returns:
        Path of the program.
    """
    command = [sys.executable, "-I", "-c", _BOOT.format(path=[entry for entry in sys.path if entry])]
    file = folder / "worker"
    file.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    file.chmod(stat.S_IRWXU)
    return file


def main() -> None:
    """Works until the engine has no more to do; the arguments are those of Beam's container contract."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    given, _ = _arguments().parse_known_args()
    os.environ.update(_environment(given))
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("penstock-beam-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="id of this worker")
    parser.add_argument("--provision_endpoint", required=True, help="address of the provision service")
    parser.add_argument("--logging_endpoint", default="")
    parser.add_argument("--control_endpoint", default="")
    parser.add_argument("--semi_persist_dir", default="/tmp")
    return parser


def _environment(given: argparse.Namespace) -> dict[str, str]:
    """Returns what Beam's worker reads from its environment."""
    from google.protobuf import json_format

    info = _provided(given.provision_endpoint, given.id)
    return {
        "WORKER_ID": given.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": f'url: "{given.logging_endpoint or info.logging_endpoint.url}"',
        "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{given.control_endpoint or info.control_endpoint.url}"',
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        "SEMI_PERSISTENT_DIRECTORY": given.semi_persist_dir,
    }


def _provided(endpoint: str, worker: str) -> Any:
    """Asks the engine for a worker's options and addresses."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

    with grpc.insecure_channel(endpoint) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return service.GetProvisionInfo(request, metadata=[("worker_id", worker)]).info


def _end_with(parent: int) -> None:
    """Ends this process once it is another's child: a broken connection alone leaves some workers waiting."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


if __name__ == "__main__":
    main()
