"""What is wrong with the options for Dataflow: all of it at once, by their form alone, without a call to the cloud."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks import conflicts, identity, packages, places, workers
from pipeline.engines.dataflow.checks.subject import Subject

SUSPICIONS = (workers.suspicions,)
"""Every look for what is allowed and seldom meant. Add yours here."""
CHECKS = (identity.check, places.check, packages.check, workers.check, conflicts.check)
"""Every check. Add yours here."""


def problems(subject: Subject) -> Iterator[Problem]:
    """Finds everything that the service, or Beam before it, would refuse or do wrong.

    Args:
        subject: The options and what they are about.
    """
    for check in CHECKS:
        yield from check(subject)


def suspicions(subject: Subject) -> Iterator[Problem]:
    """Finds what the service takes and a person may regret.

    Args:
        subject: The options and what they are about.
    """
    for look in SUSPICIONS:
        yield from look(subject)
