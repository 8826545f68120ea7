"""The Beam options that a document gives for Dataflow, read without loading Beam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SWITCHES = frozenset(
    {
        "dry_run",
        "enable_artifact_caching",
        "enable_hot_key_logging",
        "enable_streaming_engine",
        "no_auth",
        "no_use_public_ips",
        "save_main_session",
        "streaming",
        "update",
        "use_public_ips",
    }
)
"""Options without a value."""
_ONE = frozenset(
    {
        "autoscaling_algorithm",
        "dataflow_endpoint",
        "dataflow_job_file",
        "dataflow_kms_key",
        "disk_size_gb",
        "disk_type",
        "flexrs_goal",
        "impersonate_service_account",
        "job_name",
        "machine_type",
        "max_num_workers",
        "min_cpu_platform",
        "network",
        "num_workers",
        "number_of_worker_harness_threads",
        "project",
        "region",
        "requirements_file",
        "sdk_container_image",
        "sdk_location",
        "service_account_email",
        "setup_file",
        "staging_location",
        "subnetwork",
        "temp_location",
        "template_location",
        "worker_disk_type",
        "worker_harness_container_image",
        "worker_machine_type",
        "worker_region",
        "worker_zone",
        "zone",
    }
)
SEVERAL = {
    "dataflow_service_option": "dataflow_service_options",
    "experiment": "experiments",
    "extra_package": "extra_packages",
    "label": "labels",
}
"""Options that may be given several times → the name under which their values are kept."""
KNOWN = SWITCHES | _ONE | frozenset(SEVERAL) | frozenset(SEVERAL.values())
"""Every option of Dataflow that is checked or shown here; Beam has more."""
_ALIASES = {
    "machine_type": "worker_machine_type",
    "disk_type": "worker_disk_type",
    "zone": "worker_zone",
    **SEVERAL,
}


@dataclass(frozen=True)
class Options:
    """Options as given.

    Attributes:
        values: Name → its values, in order; the empty string for a switch.
        stray: What is neither an option nor the value of one.
    """

    values: Mapping[str, tuple[str, ...]]
    stray: tuple[str, ...] = ()

    def __contains__(self, name: object) -> bool:
        """Returns whether an option was given."""
        return name in self.values

    def __getitem__(self, name: str) -> str:
        """Returns the last value of an option; empty if it was not given."""
        return self.values.get(name, ("",))[-1]

    def all(self, name: str) -> tuple[str, ...]:
        """Returns all values of an option."""
        return self.values.get(name, ())


def read_options(args: Sequence[str]) -> Options:
    """Returns what options say.

    Args:
        args: As in ``run.beam_args``.
    """
    values: dict[str, list[str]] = {}
    stray: list[str] = []
    for word in in_one_word(args):
        if not word.startswith("--"):
            stray.append(word)
            continue
        name, _, value = word[2:].partition("=")
        values.setdefault(_ALIASES.get(name, name), []).append(value)
    return Options({name: tuple(found) for name, found in values.items()}, tuple(stray))


def in_one_word(args: Sequence[str]) -> list[str]:
    """Returns options as ``--name=value`` and ``--switch``; what belongs to none stays as it is.

    Args:
        args: As in ``run.beam_args``: a value follows its name after ``=``, after a space, or as the next entry.
    """
    made: list[str] = []
    waiting = False
    for word in _words(args):
        if waiting and not word.startswith("--"):
            made[-1] += f"={word}"
            waiting = False
            continue
        made.append(word)
        waiting = word.startswith("--") and "=" not in word and word[2:] not in SWITCHES
    return made


def _words(args: Iterable[str]) -> Iterable[str]:
    for arg in args:
        name = arg.partition("=")[0]
        yield from arg.split(maxsplit=1) if arg.startswith("--") and " " in name else [arg]
