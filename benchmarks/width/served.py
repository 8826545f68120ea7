"""What a model takes that is served: loading it in a plain TensorFlow, and by the embedded server, which grows by it.

    python benchmarks/width/served.py --model FOLDER --examples FILE --source CODE

Run by ``run.py`` in a process of its own. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from local_speed.measure import descendants  # noqa: E402

from foundation.tfrecord import read_gz  # noqa: E402

RECORDS = 10
SECONDS = 600.0
_BOOT = "import sys; sys.path.insert(0, {source!r}); from serving.server.main import main; sys.exit(main())"
MEMORY = {"pss": ("Pss:",), "rss": ("Rss:",), "anonymous": ("Anonymous:",)}

Result = TypeVar("Result")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a SavedModel")
    parser.add_argument("--examples", type=Path, required=True, help="a gz TFRecord file of Examples")
    parser.add_argument("--source", type=Path, required=True, help="the code whose server is started")
    given = parser.parse_args()
    records = list(islice(read_gz(given.examples), RECORDS))
    with tempfile.TemporaryDirectory() as work:
        told = {
            **served(given.model.resolve(), records, given.source.resolve(), Path(work)),
            **loaded(given.model),
        }
    print(json.dumps(told))
    return 0


def served(model: Path, records: list[bytes], source: Path, work: Path) -> dict[str, float]:
    """Has a server load the model and answer its first requests, after a tiny model has paid for TensorFlow's own set-up.

    Args:
        model: Folder of the SavedModel.
        records: Serialized Examples to ask with.
        source: The code whose server is started.
        work: An empty folder.

    Returns:
        ``server_load`` and ``first_calls`` in seconds of wall time, ``server_cpu`` for both together in CPU seconds, and
        by how many bytes the server has grown since before: ``pss``, ``rss``, ``anonymous``.
    """
    from components.infra_validator.examples import Questions
    from components.infra_validator.server import PROTOCOLS, running_server
    from foundation.link import link_tree
    from serving.client.signatures import read_signatures

    (work / "server").mkdir()
    link_tree(model, work / "model" / "1")
    questions = Questions(records, read_signatures(model))
    command = [sys.executable, "-I", "-c", _BOOT.format(source=str(source)), "--host=127.0.0.1"]
    with running_server(command, work / "server", work / "log", SECONDS) as server:
        import numpy as np

        for protocol in PROTOCOLS * 10:
            _ask(server, protocol, server.primer, {"x": np.zeros(1, np.float32)}, "serving_default")
        before, cpu = _memory(), _cpu()
        load = _seconds(lambda: server.add("model", work / "model"))

        def ask_all() -> None:
            for signature in questions.signatures:
                for protocol in PROTOCOLS:
                    _ask(server, protocol, "model", questions.batch(signature, 1).inputs, signature)

        calls = _seconds(ask_all)
        after = _memory()
        grown = {name: after[name] - before[name] for name in after}
        return {"server_load": load, "first_calls": calls, "server_cpu": _cpu() - cpu, **grown}


def _ask(server: Any, protocol: str, model: str, inputs: Any, signature: str) -> None:
    request = server.clients[protocol].prepare(model, inputs, signature=signature, fill_missing=False)
    request.send(SECONDS)


def loaded(model: Path) -> dict[str, float]:
    """Loads the model in this process, after TensorFlow has run an operation; ``load`` in seconds, ``load_cpu`` in CPU seconds."""
    import tensorflow as tf

    tf.constant(1) + tf.constant(1)
    cpu = time.process_time()
    load = _seconds(lambda: tf.saved_model.load(str(model)))
    return {"load": load, "load_cpu": time.process_time() - cpu}


def _seconds(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _memory() -> dict[str, int]:
    """Returns the bytes of the processes that this one has started: of the server."""
    total = dict.fromkeys(MEMORY, 0)
    for pid in descendants(os.getpid()):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        for name, heads in MEMORY.items():
            total[name] += sum(1024 * int(line.split()[1]) for line in lines if line.startswith(heads))
    return total


def _cpu() -> float:
    ticks = 0
    for pid in descendants(os.getpid()):
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
