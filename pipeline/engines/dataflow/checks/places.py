"""Where a job's files are: root, temporary files, staged packages."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks.subject import Subject, matches, problem

_BUCKET = r"[a-z0-9][-_.a-z0-9]{1,61}[a-z0-9]"
"""cloud.google.com/storage/docs/buckets#naming."""


def check(subject: Subject) -> Iterator[Problem]:
    """Finds places that workers in the cloud cannot reach."""
    if subject.rehearsed:
        return
    if not subject.root.startswith("gs://"):
        yield Problem(
            ("root",),
            "workers of Dataflow cannot reach this machine's folders",
            expected="gs://bucket/folder",
            seen=repr(subject.root),
            remedy="choose a folder in a bucket of the job's region",
        )
    yield from _location(subject, "temp_location", needed=True)
    yield from _location(subject, "staging_location", needed=False)


def _location(subject: Subject, option: str, needed: bool) -> Iterator[Problem]:
    given = subject.options[option]
    if not given and not (needed or option in subject.options):
        return
    expected = "gs://bucket/folder"
    bucket, _, folder = given.removeprefix("gs://").partition("/")
    if not given.startswith("gs://"):
        yield problem(
            option, given, expected, f"add --{option}={expected}, with a bucket of the job's region"
        )
    elif not matches(_BUCKET, bucket) or "goog" in (bucket[:4], bucket.replace("0", "o")[:4]):
        remedy = "correct its name: a wrong one is looked up for two minutes before the job fails"
        yield problem(
            option,
            given,
            "a bucket of 3 to 63 lower case letters, digits, hyphens, dots and underscores",
            remedy,
        )
    elif not folder.strip("/"):
        yield problem(option, given, "a folder in the bucket", f"say gs://{bucket}/temp")
