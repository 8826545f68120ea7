"""Names and labels of jobs by Google's rules, made from pipeline, run, node and attempt."""

from __future__ import annotations

import hashlib
import re

OURS = "penstock-"
"""Start of every label key of ours."""
_LABEL_LENGTH = 63
_PART = 18


def job_name(pipeline: str, node: str, run: str, attempt: int) -> str:
    """Returns the name of the job of one attempt at a node: ``taxi-statisticsgen-1f0c2b9e7d-a1``.

    Letters, digits and hyphens, a letter first, and under the 63 characters from which names of machines are cut. Runs
    are told apart by a digest: ids of orchestrators hold colons and pluses and may be long.

    Args:
        pipeline: Name of the pipeline.
        node: Id of the node.
        run: Id of the run.
        attempt: From 1.
    """
    digest = hashlib.sha256("\0".join((pipeline, node, run)).encode()).hexdigest()[:10]
    parts = [_plain(pipeline)[:_PART].strip("-"), _plain(node)[:_PART].strip("-"), digest, f"a{attempt}"]
    name = "-".join(filter(None, parts))
    return name if name[0].isalpha() else f"p-{name}"


def of_any_attempt(name: str) -> re.Pattern[str]:
    """Returns what the names of all attempts at a job's node in its run look like.

    Args:
        name: As ``job_name`` makes it.
    """
    return re.compile(re.escape(name.rpartition("-a")[0]) + r"-a\d+")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def run_labels(pipeline: str, node: str, run: str, attempt: int) -> dict[str, str]:
    """Returns the labels of a job: which pipeline, run, node and attempt it belongs to.

    Args:
        pipeline: Name of the pipeline.
        node: Id of the node.
        run: Id of the run.
        attempt: From 1.
    """
    values = {"pipeline": pipeline, "run": run, "node": node, "attempt": str(attempt)}
    return {OURS + key: label_value(value) for key, value in values.items()}


def label_value(text: str) -> str:
    """Returns a text as the value of a label; where other characters had to go, a digest keeps texts apart."""
    plain = re.sub(r"[^a-z0-9_-]", "-", text.lower())
    if plain == text.lower() and len(text) <= _LABEL_LENGTH:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[: _LABEL_LENGTH - 9]}-{digest}"


def label_fault(key: str, value: str) -> str:
    """Returns what is wrong with a label by Google's rules; empty if nothing is.

    Args:
        key: 1 to 63 lower case letters, digits, underscores and hyphens, with a letter first.
        value: The same, but it may be empty and start with any of them.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key):
        return "the key is not 1 to 63 lower case letters, digits, _ and -, a letter first"
    if not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
        return "the value is not up to 63 lower case letters, digits, _ and -"
    return ""
