"""Two models under live A/B traffic: pushed, split, rewarded, decided, promoted, and fed into the next run.

Started by ``make ab``. Everything is made anew in ``build/ab_traffic``; the servers end with this command, unless
``--keep`` leaves them running for a look at the page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(REPOSITORY), str(HERE), str(HERE.parent / "learner_retention")]

from generate import write_span  # noqa: E402
from learners import learners  # noqa: E402
from traffic import EXPERIMENT, MODEL, App, Seen, wait_for  # noqa: E402

from serving.client import Client  # noqa: E402

WORK = REPOSITORY / "build" / "ab_traffic"
WORSE = ("--set", "train.epochs=1", "--set", "train.learning_rate=0.00001")
"""The worse model is one that was stopped after its first, tiny steps."""
DOCUMENTS, LEARNERS, PER_SECOND = 6000, 12_000, 150.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the servers running until Ctrl-C")
    keep = parser.parse_args().keep
    began = time.perf_counter()
    prepare()
    step("1. The pipeline pushes two models, the first one deliberately worse")
    run("run", *WORSE)
    run("run")
    old, new = versions()
    with contextlib.ExitStack() as stack:
        page = serve(stack, old, new)
        seen, decided = experiment(page)
        step("4. The winner is promoted, and the log becomes training data")
        finish(seen, decided)
        say_end(decided, page, time.perf_counter() - began)
        if keep:
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 0


def prepare() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    write_span(WORK / "exports" / "learners", 1, DOCUMENTS, seed=7)
    shutil.copy(HERE / "pipeline.yaml", WORK)
    shutil.copy(HERE / "experiments.yaml", WORK)


def serve(stack: contextlib.ExitStack, old: int, new: int) -> str:
    """Starts the model server with both versions and the router in front; returns the router's REST address."""
    step("2. A model server hosts both versions, a router in front splits the traffic")
    grpc, rest, public_grpc, public_rest = free_ports(4)
    document = WORK / "experiments.yaml"
    text = document.read_text(encoding="utf-8").replace("8500", str(grpc)).replace("8501", str(rest))
    document.write_text(text, encoding="utf-8")
    config = WORK / "models.config"
    config.write_text(models_config(old, new), encoding="utf-8")
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models=true")
    stack.enter_context(
        process("server", "serving.server", f"--port={grpc}", f"--rest_api_port={rest}", *flags)
    )
    with Client(f"http://127.0.0.1:{rest}") as client:
        client.wait_until_ready(MODEL, label="canary")
    stack.enter_context(
        process(
            "router",
            "pipeline.cli.main",
            "route",
            document,
            "--port",
            public_grpc,
            "--rest-port",
            public_rest,
        )
    )
    address = f"http://127.0.0.1:{public_rest}"
    with Client(address) as client:
        client.wait_until_ready(MODEL)
    return address


def experiment(address: str) -> tuple[Seen, dict[str, Any]]:
    """Sends learners until the experiment is decided; returns what the app saw, and the verdict."""
    step("3. Learners open the app; whether they come back is known seconds later")
    run("experiment", "check")
    run("experiment", "start", EXPERIMENT)
    app = App(address, iter(learners(LEARNERS)), PER_SECOND)
    app.start()
    try:
        wait_for(lambda: bool(app.seen.arms["new"]), seconds=30)
        wait_for(lambda: decide()["action"] in ("promote", "keep"), seconds=90, every=3.0)
    finally:
        seen = app.stop()
    run("experiment", "status", EXPERIMENT)
    run("experiment", "decide", EXPERIMENT)
    return seen, decide()


def decide() -> dict[str, Any]:
    shown = penstock("experiment", "decide", EXPERIMENT, "--json", capture_output=True)
    return dict(json.loads(shown.stdout))


def finish(seen: Seen, decided: dict[str, Any]) -> None:
    """Promotes the winner and holds everything against what the simulation knows."""
    if decided["action"] != "promote" or decided["arm"] != "new":
        raise SystemExit(f"expected the better model to win, seen: {decided['sentence']}")
    run("experiment", "promote", EXPERIMENT)
    run("experiment", "export", EXPERIMENT, "--to", "exports/learners/{SPAN}", "--pipeline", "pipeline.yaml")
    run("run", "--to", "Trainer")
    better = seen.true_rate("new") - seen.true_rate("old")
    print(f"The truth, which only the simulation knows: old {seen.true_rate('old'):.3f}, new {seen.true_rate('new'):.3f}, "
          f"difference {better:.3f}; rewards told: {dict(seen.receipts)}")  # fmt: skip


def say_end(decided: dict[str, Any], page: str, seconds: float) -> None:
    print(f"\nVerdict: {decided['sentence']}")
    print(f"Page:    {page}/experiments/{EXPERIMENT}   (make ab-keep leaves it running)")
    print(f"Time:    {seconds:.0f} s")


def models_config(old: int, new: int) -> str:
    return f"""model_config_list {{
  config {{
    name: "{MODEL}"
    base_path: "{WORK / "serving_models"}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {old} versions: {new} }} }}
    version_labels {{ key: "stable" value: {old} }}
    version_labels {{ key: "canary" value: {new} }}
  }}
}}
"""


def versions() -> list[int]:
    return sorted(int(folder.name) for folder in (WORK / "serving_models").iterdir() if folder.name.isdigit())


def run(*arguments: str) -> None:
    print(f"$ penstock {' '.join(arguments)}", flush=True)
    penstock(*arguments)


def penstock(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        cwd=WORK, env=environment(), check=True, text=True, **options,
    )  # fmt: skip


@contextlib.contextmanager
def process(name: str, module: str, *arguments: object) -> Iterator[None]:
    """Runs a server until the end; its output is in the work folder."""
    with (WORK / f"{name}.log").open("w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)], cwd=WORK, env=environment(), stdout=log, stderr=log
        )  # fmt: skip
        try:
            yield
        finally:
            started.terminate()
            started.wait()


def environment() -> dict[str, str]:
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def step(text: str) -> None:
    print(f"\n{text}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
