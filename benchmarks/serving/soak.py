"""Soaks the server: mixed load from 16 clients, new versions, moving labels; no request may fail.

    python benchmarks/serving/soak.py                               10 minutes, a version every 20 s
    python benchmarks/serving/soak.py --seconds 10 --every 2        the short form of the tests

Half of the clients use gRPC, half REST: predict, classify, metadata and status; latest, by number, by label. The policy
keeps three versions; older ones are unloaded and their folders removed. Exits with 1 on any failure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import grpc  # noqa: E402
from process import ServerProcess  # noqa: E402
from soak_clients import CANARY, MODEL, STABLE, Client, GrpcClient, RestClient, Target, until  # noqa: E402
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2  # noqa: E402
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub  # noqa: E402

KEPT = 3
GROWTH_MIB = 60
"""How much memory may grow between the first and the last fifth of a soak of two minutes or more."""


def parse(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument(
        "--every", type=float, default=20, help="seconds between versions; default %(default)s"
    )
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args(arguments)


class Soak:
    """One soak.

    Args:
        given: The command line.
        folder: The folder for models, configuration and the server's log.
    """

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given, self._folder = given, folder
        self._stock, self._base = folder / "stock", folder / "base"
        self._base.mkdir()
        self._last = KEPT + 1 + int(given.seconds / given.every)
        self.memory: list[tuple[float, float]] = []
        self.problems: list[str] = []
        self.clients: list[Client] = []
        self.newest = 0
        self.seconds = 0.0

    def run(self) -> None:
        """Runs the soak from the first version to the last answer."""
        writer = [sys.executable, str(HERE / "soak_model.py"), str(self._stock), str(self._last)]
        subprocess.run(writer, check=True, capture_output=True)
        for version in (1, 2):
            self._publish(version)
        config = self._folder / "models.config"
        config.write_text(str(self._config({})))
        flags = (f"--model_config_file={config}", "--file_system_poll_wait_seconds=1")
        with ServerProcess(self._folder / "server.log", *flags) as self._server:
            channel = grpc.insecure_channel(f"127.0.0.1:{self._server.grpc_port}")
            self._models = ModelServiceStub(channel)
            self._soak()
            channel.close()
        self._read_log()

    def _soak(self) -> None:
        until(lambda: self._available(1) and self._available(2), 60, "versions 1 and 2")
        self._move_labels(2)
        target = Target(2)
        kinds = ((GrpcClient, self._server.grpc_port), (RestClient, self._server.rest_port))
        for number in range(self._given.clients):
            kind, port = kinds[number % 2]
            self.clients.append(kind(number, port, target))
        for client in self.clients:
            client.start()
        begin = time.monotonic()
        try:
            self._publish_versions(begin, target)
        except (TimeoutError, grpc.RpcError) as error:
            self.problems.append(f"publishing version {self.newest}: {error}")
        finally:
            target.stop.set()
            for client in self.clients:
                client.join(60)
        self.seconds = time.monotonic() - begin

    def _publish_versions(self, begin: float, target: Target) -> None:
        """Publishes a version, waits until it is served, moves the labels, removes versions that the policy dropped."""
        published = 0
        while (now := time.monotonic() - begin) < self._given.seconds:
            self.memory.append((now, self._server.memory()))
            if now >= (published + 0.5) * self._given.every and self.newest < self._last:
                published += 1
                version = self.newest + 1
                self._publish(version)
                until(lambda version=version: self._available(version), 60, f"version {version}")
                self._move_labels(version)
                target.newest = version
                for old in range(1, version - KEPT):
                    shutil.rmtree(self._base / str(old), ignore_errors=True)
            time.sleep(min(1.0, self._given.every / 10))

    def _publish(self, version: int) -> None:
        """Copies under a name that is not a version, then renames, so that it is never half-written."""
        hidden = self._base / f".{version}.tmp"
        shutil.copytree(self._stock / str(version), hidden)
        hidden.rename(self._base / str(version))
        self.newest = version

    def _available(self, version: int) -> bool:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = MODEL
        states = self._models.GetModelStatus(request, timeout=20).model_version_status
        return any(v.version == version and v.state == 30 for v in states)

    def _config(self, labels: dict[str, int]) -> Any:
        request = model_management_pb2.ReloadConfigRequest()
        config = request.config.model_config_list.config.add(
            name=MODEL, base_path=str(self._base), model_platform="tensorflow"
        )
        config.model_version_policy.latest.num_versions = KEPT
        for label, version in labels.items():
            config.version_labels[label] = version
        return request if labels else request.config

    def _move_labels(self, newest: int) -> None:
        answer = self._models.HandleReloadConfigRequest(
            self._config({STABLE: newest - 1, CANARY: newest}), timeout=60
        )
        if answer.status.error_code:
            self.problems.append(f"reload: {answer.status}")

    def _read_log(self) -> None:
        log = (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")
        if "Traceback" in log:
            self.problems.append(f"a traceback in the log: {log[log.index('Traceback') :][:2000]}")

    def report(self) -> dict[str, Any]:
        """Returns the figures."""
        times: dict[str, list[float]] = {}
        for client in self.clients:
            for name, taken in client.times.items():
                times.setdefault(name, []).extend(taken)
        everything = [t for taken in times.values() for t in taken]
        return {
            "seconds": self.seconds,
            "requests": len(everything),
            "requests a second": len(everything) / self.seconds,
            "failures": sum(len(client.failures) for client in self.clients),
            "versions": self.newest,
            "milliseconds": {
                name: _percentiles(taken) for name, taken in sorted({**times, "all": everything}.items())
            },
            "memory": self.memory,
            "memory, medians by fifths of the time": self.fifths(),
        }

    def fifths(self) -> list[float]:
        """Returns the median memory in MiB for each fifth of the soak."""
        values = [mib for _, mib in self.memory]
        fifth = max(1, len(values) // 5)
        return [
            statistics.median(values[i : i + fifth])
            for i in range(0, fifth * 5, fifth)
            if values[i : i + fifth]
        ]

    def check(self) -> list[str]:
        """Returns the problems, if any."""
        wrong = [*self.problems, *(failure for client in self.clients for failure in client.failures[:5])]
        fifths = self.fifths()
        if self._given.seconds >= 120 and fifths[-1] - fifths[0] > GROWTH_MIB:
            wrong.append(f"memory grew: {fifths}")
        if any(client.is_alive() for client in self.clients):
            wrong.append("a client is still waiting for an answer")
        return wrong


def _percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    share = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1000 for name, q in share.items()}


def main(arguments: list[str] | None = None) -> int:
    given = parse(sys.argv[1:] if arguments is None else arguments)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(given, Path(folder))
        soak.run()
    figures = soak.report()
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(f"{figures['requests']:,} requests in {figures['seconds']:.0f} s, {figures['failures']} failed")
    print(f"{figures['versions']} versions, labels moved with each")
    for name, found in figures["milliseconds"].items():
        print(f"  {name:<16} " + "  ".join(f"{q} {ms:8.2f} ms" for q, ms in found.items()))
    print("memory by fifths of the time: " + ", ".join(f"{mib:.0f}" for mib in soak.fifths()) + " MiB")
    wrong = soak.check()
    for line in wrong:
        print(f"FAILED {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    # If killed from outside, still stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
