"""The settings of a job that decide what it costs, in words, for ``penstock plan``."""

from __future__ import annotations

from pipeline.engines.dataflow.options import Options

_SERVICE = "the service decides"


def costs(options: Options) -> list[str]:
    """Returns lines on what is paid for; no prices, which differ by region and day.

    Args:
        options: The options for Dataflow.
    """
    lines = [_workers(options), _disk(options), _price(options)]
    where = options["worker_zone"] or options["region"]
    return [f"Dataflow in {where}, project {options['project']}: {'; '.join(filter(None, lines))}."]


def _workers(options: Options) -> str:
    machine = options["worker_machine_type"]
    kind = f"machines {machine}" if machine else f"machines: {_SERVICE}"
    first, most = options["num_workers"], options["max_num_workers"]
    if options["autoscaling_algorithm"] == "NONE":
        return f"{kind}, always {first}"
    number = (
        f"{first or 1} at first, at most {most}" if most else "NO LIMIT on their number (--max_num_workers)"
    )
    return f"{kind}, {number}"


def _disk(options: Options) -> str:
    size, kind = options["disk_size_gb"], options["worker_disk_type"].rpartition("/")[2]
    return f"disks: {' '.join(filter(None, (f'{size} GB' if size else '', kind))) or _SERVICE}"


def _price(options: Options) -> str:
    if "enable_prime" in options.all("dataflow_service_options"):
        return "Dataflow Prime, paid by compute units"
    if options["flexrs_goal"] == "COST_OPTIMIZED":
        return "FlexRS: cheaper, but a job may wait up to six hours"
    addresses = "no public addresses" if "no_use_public_ips" in options else "public addresses"
    return f"each job of a node starts its own machines, a few minutes; {addresses}"
