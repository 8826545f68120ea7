"""How workers get the code: an image, or packages that are installed when they start."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks.subject import AT, Subject, matches, problem

_IMAGE = r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
_WAYS = ("sdk_container_image", "setup_file")


def check(subject: Subject) -> Iterator[Problem]:
    """Finds workers without Penstock, files that are missing and images without a version."""
    options = subject.options
    if "worker_harness_container_image" in options:
        remedy = "rename it to --sdk_container_image"
        yield problem("worker_harness_container_image", None, "the option of today's Beam", remedy)
    elif not any(options[way] for way in _WAYS):
        yield Problem(
            AT,
            "workers would have Beam, but neither Penstock nor TFX",
            expected="--sdk_container_image, or --setup_file and --requirements_file",
            remedy="add --sdk_container_image=REGISTRY/penstock:VERSION (see docs/dataflow.md)",
        )
    yield from _image(subject)
    yield from _files(subject)


def _image(subject: Subject) -> Iterator[Problem]:
    given = subject.options["sdk_container_image"]
    if not given:
        return
    last = given.rpartition("/")[2]
    if not matches(_IMAGE, given):
        expected = "registry/path/name:version"
        yield problem("sdk_container_image", given, expected, "push the image to a registry first")
    elif "@" not in last and (":" not in last or last.endswith(":latest")):
        remedy = "add :VERSION or @sha256:DIGEST: a retry must not meet another image"
        yield problem("sdk_container_image", given, "an image with a version", remedy)


def _files(subject: Subject) -> Iterator[Problem]:
    options = subject.options
    for option in ("setup_file", "requirements_file"):
        if options[option] and not (subject.folder / options[option]).is_file():
            yield problem(option, options[option], "a file", "check the path")
    if options["setup_file"] and not options["setup_file"].endswith("setup.py"):
        remedy = "Penstock's own setup.py beside pyproject.toml stages it"
        yield problem("setup_file", options["setup_file"], "a file called setup.py", remedy)
    if options["setup_file"] and not (options["requirements_file"] or options["sdk_container_image"]):
        remedy = "add --requirements_file=requirements/runtime.txt, or an image that has them"
        yield problem("requirements_file", "", "TFX and its relatives for the workers", remedy)
