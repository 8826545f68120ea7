"""Fuzzes the server over both protocols: no input may cause a 500, INTERNAL, a traceback or a dead server.

    python benchmarks/serving/fuzz.py                       20,000 inputs of REST, 20,000 of gRPC
    python benchmarks/serving/fuzz.py --inputs 500 --seed 7

Exits with 1 if anything was found; prints each kind of finding once, with the input in base64.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

from fuzz_grpc import RELOAD, GrpcFuzzer, changed, messages  # noqa: E402
from fuzz_rest import RestFuzzer, as_text, call  # noqa: E402
from process import ServerProcess  # noqa: E402

GROWTH_MIB = 500


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=20_000, help="for each protocol; default %(default)s")
    parser.add_argument("--seconds", type=float, default=600, help="at most, for each protocol")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="folder of fuzz_model.py's SavedModel; default: build it")
    return parser.parse_args(arguments)


class Findings:
    """The findings, one of each kind."""

    def __init__(self) -> None:
        self.kinds: dict[str, tuple[str, bytes, int]] = {}

    def add(self, text: str, given: bytes) -> None:
        """Keeps a finding if it is the first of its kind."""
        kind = re.sub(r"\d+", "N", text)[:90]
        first, example, count = self.kinds.get(kind, (text, given, 0))
        self.kinds[kind] = (first, example, count + 1)

    def lines(self) -> Iterator[str]:
        """Returns a paragraph for each kind."""
        for text, example, count in self.kinds.values():
            yield f"FOUND {count}×: {text}\n    input: {as_text(example)}"


def fuzz(given: argparse.Namespace, folder: Path) -> Findings:
    """Sends all inputs to one server."""
    findings = Findings()
    model = given.model
    if model is None:
        model = folder / "base" / "fuzz" / "1"
        subprocess.run(
            [sys.executable, str(HERE / "fuzz_model.py"), str(model)], check=True, capture_output=True
        )
    base = str(model.parent)
    flags = ("--model_name=fuzz", f"--model_base_path={base}", "--file_system_poll_wait_seconds=1")
    with ServerProcess(folder / "server.log", *flags) as server:
        before = server.memory()
        _rest(given, server, findings)
        _grpc(given, server, findings, base)
        after = server.memory()
        print(f"memory: {before:.0f} MiB before, {after:.0f} MiB after", flush=True)
        if after - before > GROWTH_MIB:
            findings.add(f"memory grew by {after - before:.0f} MiB", b"")
        if not server.answers():
            findings.add("the server no longer answers", b"")
    log = server.log.read_text(encoding="utf-8", errors="replace")
    if "Traceback" in log:
        at = log.index("Traceback")
        findings.add(f"{log.count('Traceback')} tracebacks in the log, the first: {log[at : at + 3000]}", b"")
    return findings


def _rest(given: argparse.Namespace, server: ServerProcess, findings: Findings) -> None:
    dice, fuzzer = random.Random(given.seed), RestFuzzer(server.rest_port, findings.add)
    begin, sent = time.monotonic(), 0
    while sent < given.inputs and time.monotonic() - begin < given.seconds and server.process.poll() is None:
        fuzzer.send(call(dice))
        sent += 1
    fuzzer.close()
    _say("REST", sent, begin, fuzzer.statuses)


def _grpc(given: argparse.Namespace, server: ServerProcess, findings: Findings, base: str) -> None:
    """Reload comes last, with few inputs, because its changes would affect all others."""
    dice, fuzzer = random.Random(given.seed), GrpcFuzzer(server.grpc_port, findings.add)
    valid = messages(base)
    begin, sent = time.monotonic(), 0
    others = [method for method in valid if method != RELOAD]
    weights = [4 if method.endswith("/Predict") else 1 for method in others]
    reloads = max(20, given.inputs // 50)
    while sent < given.inputs and time.monotonic() - begin < given.seconds and server.process.poll() is None:
        method = dice.choices(others, weights)[0] if sent < given.inputs - reloads else RELOAD
        fuzzer.send(method, changed(dice, dice.choice(valid[method])))
        sent += 1
    fuzzer.close()
    _say("gRPC", sent, begin, fuzzer.statuses)


def _say(protocol: str, sent: int, begin: float, statuses: dict[str, int]) -> None:
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(statuses.items(), key=lambda s: -s[1]))
    print(f"{protocol}: {sent:,} inputs in {time.monotonic() - begin:.0f} s: {counts}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    given = parse(sys.argv[1:] if arguments is None else arguments)
    with tempfile.TemporaryDirectory() as folder:
        findings = fuzz(given, Path(folder))
    for line in findings.lines():
        print(line)
    print("nothing found" if not findings.kinds else f"{len(findings.kinds)} kinds of findings")
    return 1 if findings.kinds else 0


if __name__ == "__main__":
    # If killed from outside, still stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
