"""HAProxy as the data plane of a fixed split between addresses: faster than the router, and blind to what comes of it.

HAProxy sees paths and headers only. The model of a gRPC request is in its body, so arms must be whole servers at addresses
of their own. It assigns by a hash of its own, as sticky as the router's but not the same; it logs no predictions, takes no
rewards and has no guardrails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from foundation.document.problems import Problem
from foundation.errors import SpecError
from serving import headers
from serving.experiments.assignment.table import SlotTable
from serving.experiments.assignment.units import SLOTS, layer_key
from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument

CONFIG: Final = "haproxy.cfg"
SLOT_MAP: Final = "slots.map"


@dataclass(frozen=True)
class Front:
    """Where HAProxy listens.

    Attributes:
        host: The address.
        grpc_port: Port of gRPC; None without.
        rest_port: Port of REST; None without.
    """

    host: str = "127.0.0.1"
    grpc_port: int | None = 8500
    rest_port: int | None = 8501


def haproxy_files(document: ExperimentsDocument, front: Front, before: str | None = None) -> dict[str, str]:
    """Returns file name → text.

    Args:
        document: The experiments' document, with one experiment that HAProxy can carry.
        front: Where HAProxy listens.
        before: The text of the slot map so far, so that a change of shares moves the fewest units; None begins anew.

    Raises:
        SpecError: HAProxy cannot do what the document asks for; one line for each reason.
    """
    problems = list(haproxy_problems(document))
    if problems:
        raise SpecError("HAProxy cannot carry this document:\n" + "\n".join(map(str, problems)))
    [(name, experiment)] = document.experiments.items()
    salt = document.salt(experiment.layer)
    shares = {arm: experiment.share * share for arm, share in experiment.shares().items()}
    moved = _table(salt, name, experiment, before).moved_to({name: shares})
    return {
        CONFIG: _config(document, name, experiment, front, salt),
        SLOT_MAP: "".join(
            f"{slot} {arm or experiment.control}\n" for slot, (_, arm) in enumerate(moved.slots)
        ),
    }


def _table(salt: str, name: str, experiment: ExperimentConfig, before: str | None) -> SlotTable:
    """Returns the slots of an earlier map; an empty table without one, or if it is another experiment's."""
    arms = [line.partition(" ")[2] for line in (before or "").splitlines()]
    if len(arms) != SLOTS or not set(arms) <= set(experiment.arms):
        return SlotTable(salt)
    return SlotTable(salt, 1, tuple((name, arm) for arm in arms))


def haproxy_problems(document: ExperimentsDocument) -> Iterator[Problem]:
    """Yields what HAProxy cannot do of a document."""
    if len(document.experiments) != 1:
        what = "it sees no model's name, so one experiment is all there can be"
        yield Problem(("experiments",), what, "one", str(len(document.experiments)))
        return
    [(name, experiment)] = document.experiments.items()
    at = ("experiments", name)
    if experiment.mode.type != "split":
        yield Problem((*at, "mode"), "it neither learns nor compares", "split", experiment.mode.type)
    if experiment.unit.key is None:
        yield Problem((*at, "unit"), "it reads headers only", "{header: NAME}", "another unit")
    backends = [arm.backend or document.default_backend for arm in experiment.arms.values()]
    for arm, given in experiment.arms.items():
        if given.version is not None or given.label is not None or given.model is not None:
            what = "it cannot ask for a version, a label or another model"
            yield Problem((*at, "arms", arm), what, "only a backend: each arm a server of its own")
        if backends.count(given.backend or document.default_backend) > 1:
            yield Problem((*at, "arms", arm), "two arms have one address", "a backend for each arm")
    if experiment.fallback != "none":
        yield Problem((*at, "fallback"), "it has none", "none", experiment.fallback)


def _config(
    document: ExperimentsDocument, name: str, experiment: ExperimentConfig, front: Front, salt: str
) -> str:
    backends = {
        arm: document.backends[it.backend or document.default_backend] for arm, it in experiment.arms.items()
    }
    parts = [_HEAD]
    for kind, port, protocol in (("grpc", front.grpc_port, " proto h2"), ("rest", front.rest_port, "")):
        if port is None:
            continue
        parts.append(_frontend(kind, f"{front.host}:{port}{protocol}", experiment, salt))
        for arm, backend in backends.items():
            address = backend.grpc if kind == "grpc" else backend.rest
            if address is None:
                where = ("experiments", name, "arms", arm)
                raise SpecError(str(Problem(where, f"its backend has no {kind} address")))
            parts.append(
                f"backend {kind}_{arm}\n"
                f"    http-response set-header {headers.ARM} {name}/{arm}\n"
                f"    server {arm} {address}{protocol}\n"
            )
    return "\n".join(parts)


def _frontend(kind: str, bind: str, experiment: ExperimentConfig, salt: str) -> str:
    """Returns a frontend: the unit's slot is a hash of the layer's salt and the unit.

    The salt goes in as hex digits, which need no quotes. The hash has 32 bits: HAProxy would take one of 64 as signed.
    """
    prefix = layer_key(salt).hex()[:32]
    return (
        f"frontend {kind}\n"
        f"    bind {bind}\n"
        f"    http-request set-var(txn.unit) req.hdr({experiment.unit.key})\n"
        f"    http-request set-var(txn.slot) str({prefix}),concat(,txn.unit),xxh32,mod({SLOTS})\n"
        f"    http-request set-var(txn.arm) var(txn.slot),map_int({SLOT_MAP},{experiment.control})\n"
        f"    http-request set-var(txn.arm) str({experiment.control}) unless {{ var(txn.unit) -m found }}\n"
        f"    use_backend {kind}_%[var(txn.arm)]\n"
    )


_HEAD: Final = """\
# Written by 'penstock experiment haproxy' beside slots.map. Run it in this folder: haproxy -f haproxy.cfg
# It counts nothing: no rewards, no prediction log, no guardrails. The router does.
global
    maxconn 4096

defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-no-delay
"""
