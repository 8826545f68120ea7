"""The machines of a job: kind, number, disk, network."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks.subject import Subject, matches, problem

_MACHINE = (
    r"[a-z][0-9]+[a-z]*-[a-z]+-[0-9]+[a-z]*(-[a-z0-9]+)?|([a-z][0-9]+[a-z]*-)?custom-[0-9]+-[0-9]+(-ext)?"
)
_SHARED = ("f1-micro", "g1-small", "e2-micro", "e2-small", "e2-medium")
"""Machines with a share of a core, which Dataflow does not support."""
_SUBNETWORK = r"(https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?regions/(?P<region>[^/]+)/subnetworks/[a-z][-a-z0-9]*"
_COUNTS = ("num_workers", "max_num_workers", "disk_size_gb", "number_of_worker_harness_threads")
_ALGORITHMS = ("THROUGHPUT_BASED", "NONE")
_GOALS = ("COST_OPTIMIZED", "SPEED_OPTIMIZED")


def check(subject: Subject) -> Iterator[Problem]:
    """Finds machines, numbers and networks that do not exist or contradict each other."""
    yield from _machine(subject)
    yield from _counts(subject)
    yield from _choices(subject)
    yield from _network(subject)
    yield from _zone(subject)


def suspicions(subject: Subject) -> Iterator[Problem]:
    """Finds a number of machines without a limit, and machines that may reach nothing."""
    options = subject.options
    if not options["max_num_workers"] and options["autoscaling_algorithm"] != "NONE":
        remedy = "add --max_num_workers=N: the service may start as many as the project's quota allows"
        yield problem("max_num_workers", "", "a limit on the number of machines", remedy)
    if "no_use_public_ips" in options and not options["subnetwork"]:
        remedy = "name one with Private Google Access: without it, machines without public addresses reach no bucket"
        yield problem("subnetwork", "", "a subnetwork beside --no_use_public_ips", remedy)


def _machine(subject: Subject) -> Iterator[Problem]:
    given = subject.options["worker_machine_type"]
    if given in _SHARED:
        remedy = "choose a machine with whole cores, such as n2-standard-2"
        yield problem("worker_machine_type", given, "a machine that Dataflow supports", remedy)
    elif "worker_machine_type" in subject.options and not matches(_MACHINE, given):
        expected = "a Compute Engine machine type, such as n2-standard-4"
        yield problem(
            "worker_machine_type", given, expected, "'gcloud compute machine-types list' shows them"
        )


def _counts(subject: Subject) -> Iterator[Problem]:
    options = subject.options
    for option in _COUNTS:
        if option in options and not matches(r"[1-9][0-9]*", options[option]):
            yield problem(option, options[option] or "nothing", "a whole number from 1", "correct it")
    few, many = options["num_workers"], options["max_num_workers"]
    if few.isdigit() and many.isdigit() and int(few) > int(many):
        remedy = "raise --max_num_workers or lower --num_workers"
        yield problem("num_workers", few, f"at most --max_num_workers, {many}", remedy)


def _choices(subject: Subject) -> Iterator[Problem]:
    for option, known in (("autoscaling_algorithm", _ALGORITHMS), ("flexrs_goal", _GOALS)):
        if option in subject.options and subject.options[option] not in known:
            yield problem(option, subject.options[option] or "nothing", " or ".join(known), "correct it")


def _network(subject: Subject) -> Iterator[Problem]:
    options = subject.options
    given, region = options["subnetwork"], options["region"]
    if "subnetwork" not in options:
        return
    if not matches(_SUBNETWORK, given):
        remedy = f"write regions/{region or 'REGION'}/subnetworks/NAME, with the project in front for a shared network"
        yield problem("subnetwork", given, "regions/REGION/subnetworks/NAME, or its whole URL", remedy)
    elif region and f"regions/{region}/" not in given:
        yield problem("subnetwork", given, f"a subnetwork of {region}", "a job's machines are in its region")


def _zone(subject: Subject) -> Iterator[Problem]:
    zone, region = subject.options["worker_zone"], subject.options["region"]
    if zone and not zone.startswith(f"{region}-"):
        yield problem("worker_zone", zone, f"a zone of {region}", "the job's bucket and network are there")
