"""The embedded server answers enough queries a second, and the slowest of a hundred soon enough."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.examples import Questions
from components.infra_validator.measure import Latency, summary
from components.infra_validator.server import GRPC
from components.infra_validator.trial import REQUEST_SECONDS
from foundation.link import link_tree
from pipeline.proving.base import Finding, Project
from pipeline.proving.serving import of_run, server, setting
from serving.client.signatures import read_signatures

QUERIES_A_SECOND = 100.0
P99_MS = 100.0
SECONDS = 5.0
CLIENTS = 4
_WARM_UP = 50
_NAME = "candidate"

Send = Callable[[], object]


def prove(project: Project) -> Iterator[Finding]:
    """Yields queries a second of some clients at once, and the 99th percentile of one query's time."""
    session = project.session()
    _, results = project.newest(session)
    served = of_run(results)
    wanted = float(project.limits.get("qps") or QUERIES_A_SECOND)
    slowest = float(project.limits.get("p99_ms") or P99_MS)
    seconds = float(project.limits.get("seconds") or SECONDS)
    with setting(session, served, InfraValidationConfig()) as made, server(made) as running:
        link_tree(served.model, made.work / _NAME / "1")
        running.add(_NAME, made.work / _NAME)
        questions = Questions(served.records, read_signatures(served.model))
        signature = questions.signatures[0]
        client = running.clients[GRPC]
        sends: list[Send] = [
            functools.partial(
                client.prepare(_NAME, batch.inputs, signature=signature, fill_missing=False).send,
                REQUEST_SECONDS,
            )
            for batch in questions.every(signature, 1)
        ]
        rate, latency = measure(sends, seconds, CLIENTS)
    how = f"{CLIENTS} clients by gRPC, one row a query, {latency.requests:,} queries"
    yield Finding("queries a second", f"{rate:,.0f} ({how})", f"at least {wanted:,.0f}", rate >= wanted)
    seen = f"p50 {latency.p50:.1f} ms, p99 {latency.p99:.1f} ms"
    yield Finding("time of a query", seen, f"p99 at most {slowest:g} ms", latency.p99 <= slowest)


def measure(sends: Sequence[Send], seconds: float, clients: int) -> tuple[float, Latency]:
    """Sends queries from several threads for a while.

    Args:
        sends: Functions that each send one query.
        seconds: How long.
        clients: Number of threads.

    Returns:
        Queries a second of all threads together, and the times of single queries.
    """
    for send in itertools.islice(itertools.cycle(sends), _WARM_UP):
        send()
    times: list[list[float]] = [[] for _ in range(clients)]
    failed: list[Exception] = []
    end = time.perf_counter() + seconds

    def ask(number: int) -> None:
        try:
            for send in itertools.cycle([*sends[number % len(sends) :], *sends[: number % len(sends)]]):
                begun = time.perf_counter()
                if begun > end:
                    return
                send()
                times[number].append((time.perf_counter() - begun) * 1000)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that started this one
            failed.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    begun = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failed:
        raise failed[0]
    every = [one for some in times for one in some]
    return len(every) / (time.perf_counter() - begun), summary(every)
