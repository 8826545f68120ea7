"""Options that exclude each other, that would run nothing, or that Penstock sets itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks.subject import AT, Subject, problem
from pipeline.engines.dataflow.options import KNOWN

_EXCLUDED = (
    ("worker_region", "worker_zone"),
    ("network", "subnetwork"),
    ("use_public_ips", "no_use_public_ips"),
)
_NOTHING_RUNS = {
    "dry_run": "nothing would run",
    "template_location": "it writes a template and runs nothing",
    "streaming": "an export ends; a streaming job never does",
    "update": "it replaces a streaming job, and there is none",
}
_OURS = {
    "runner": "run.beam says which engine",
    "job_name": "the name says which run, node and attempt a job belongs to",
}
_OLD_RUNNER = ("disable_runner_v2", "disable_portable_runner", "disable_prime_runner_v2")
_ALIKE = 0.92
"""How alike an unknown option and one of Dataflow's must be to be a slip of the pen; no other option of Beam's is."""


def check(subject: Subject) -> Iterator[Problem]:
    """Finds options that exclude each other, would run nothing, are Penstock's, or are misspelt."""
    options = subject.options
    for word in options.stray:
        yield Problem(AT, "", expected="--name=value", seen=repr(word), remedy="write one option an entry")
    for one, other in _EXCLUDED:
        if one in options and other in options:
            yield problem(one, None, f"either it or --{other}", "keep one")
    for option, why in {**_NOTHING_RUNS, **_OURS}.items():
        if option in options:
            yield problem(option, None, "no such option", f"take it out: {why}")
    yield from _scaling(subject)
    yield from _runner(subject)
    yield from _misspelt(subject)


def _scaling(subject: Subject) -> Iterator[Problem]:
    options = subject.options
    fixed = options["autoscaling_algorithm"] == "NONE"
    if fixed and "num_workers" not in options:
        remedy = "add --num_workers=N: without autoscaling the number does not change"
        yield problem("num_workers", "", "a number with --autoscaling_algorithm=NONE", remedy)
    if fixed and options["flexrs_goal"] == "COST_OPTIMIZED":
        remedy = "take one out"
        yield problem("flexrs_goal", "COST_OPTIMIZED", "autoscaling, which FlexRS needs", remedy)
    prime = "enable_prime" in options.all("dataflow_service_options")
    if prime and options["flexrs_goal"] == "COST_OPTIMIZED":
        yield problem(
            "flexrs_goal", "COST_OPTIMIZED", "no Dataflow Prime, which has no FlexRS", "take one out"
        )
    if prime and options["worker_machine_type"]:
        remedy = "take it out, or enable_prime"
        yield problem(
            "worker_machine_type", options["worker_machine_type"], "no machine type with Prime", remedy
        )


def _runner(subject: Subject) -> Iterator[Problem]:
    for experiment in subject.options.all("experiments"):
        if experiment.startswith(_OLD_RUNNER):
            yield problem(
                "experiments", experiment, "the portable runner", "take it out: Beam 2.77 has no other"
            )


def _misspelt(subject: Subject) -> Iterator[Problem]:
    for name in subject.options.values:
        if name in KNOWN or name in _OURS:
            continue
        near = nearest(name)
        if near:
            yield problem(name, None, f"--{near}", "correct it: Beam would ignore it without a word")


def nearest(name: str) -> str:
    """Returns the option of Dataflow that a name is a slip of the pen for; empty if there is none."""
    return next(iter(difflib.get_close_matches(name, KNOWN, n=1, cutoff=_ALIKE)), "")
