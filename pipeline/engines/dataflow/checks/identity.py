"""Who runs a job and where: project, region, accounts, keys, labels, endpoint.

Forms are Google's: cloud.google.com/resource-manager/docs/creating-managing-projects, …/iam/docs/service-account-overview,
…/resource-manager/docs/labels-overview.
"""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.engines.dataflow.checks.subject import Subject, matches, problem
from pipeline.engines.dataflow.labels import OURS, label_fault

_PROJECT = r"([a-z0-9.-]+\.[a-z]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]"
REGION = r"[a-z]+-[a-z]+[0-9]+"
_ACCOUNT = (
    r"[a-z][-a-z0-9]{4,28}[a-z0-9]@([-a-z0-9.]+)\.iam\.gserviceaccount\.com"
    r"|[0-9]+-compute@developer\.gserviceaccount\.com"
    r"|[-a-z0-9.]+@appspot\.gserviceaccount\.com"
)
_KEY = rf"projects/[^/]+/locations/(?P<place>{REGION}|global|[a-z]+)/keyRings/[^/]+/cryptoKeys/[^/]+"


def check(subject: Subject) -> Iterator[Problem]:
    """Finds what is wrong with project, region, accounts, keys, labels and endpoint."""
    yield from _project(subject)
    yield from _region(subject)
    yield from _accounts(subject)
    yield from _key(subject)
    yield from _labels(subject)
    yield from _endpoint(subject)


def _project(subject: Subject) -> Iterator[Problem]:
    given = subject.options["project"]
    if given.isdigit():
        remedy = "give the project's id: 'gcloud projects describe NUMBER' prints it"
        yield problem("project", given, "a project id, not its number", remedy)
    elif not matches(_PROJECT, given):
        yield problem(
            "project",
            given,
            "a project id: 6 to 30 lower case letters, digits and hyphens, a letter first",
            "add --project=ID, as 'gcloud projects list' shows it",
        )


def _region(subject: Subject) -> Iterator[Problem]:
    given = subject.options["region"]
    if matches(rf"{REGION}-[a-z]", given):
        remedy = f"give --region={given[:-2]}; the service chooses the zone, or name it with --worker_zone"
        yield problem("region", given, "a region, not a zone", remedy)
    elif not matches(REGION, given):
        remedy = "add --region=REGION, such as us-central1: the one of the bucket, since traffic between regions costs"
        yield problem("region", given, "the name of a region", remedy)


def _accounts(subject: Subject) -> Iterator[Problem]:
    accounts = [("service_account_email", subject.options["service_account_email"])]
    chain = subject.options["impersonate_service_account"]
    accounts += [("impersonate_service_account", one.strip()) for one in chain.split(",")]
    for option, account in accounts:
        if option in subject.options and not matches(_ACCOUNT, account):
            yield problem(
                option,
                account or "an empty name",
                "the address of a service account, such as worker@my-project.iam.gserviceaccount.com",
                "'gcloud iam service-accounts list' shows them",
            )


def _key(subject: Subject) -> Iterator[Problem]:
    if "dataflow_kms_key" not in subject.options:
        return
    given, region = subject.options["dataflow_kms_key"], subject.options["region"]
    expected = "projects/P/locations/REGION/keyRings/RING/cryptoKeys/KEY"
    if not matches(_KEY, given):
        yield problem("dataflow_kms_key", given, expected, "copy the key's resource name")
    elif given.split("/")[3] not in (region, "global"):
        yield problem("dataflow_kms_key", given, f"a key in {region}", "use a key of the job's region")


def _labels(subject: Subject) -> Iterator[Problem]:
    for label in subject.options.all("labels"):
        key, equals, value = label.partition("=")
        fault = label_fault(key, value) if equals else "no '='"
        if fault:
            yield problem("labels", f"{label}: {fault}", "key=value by Google's rules", "correct it")
        elif key.startswith(OURS):
            remedy = "choose another key: these say which run, node and attempt a job belongs to"
            yield problem("labels", label, f"a key that does not start with {OURS}", remedy)


def _endpoint(subject: Subject) -> Iterator[Problem]:
    given = subject.options["dataflow_endpoint"]
    if "dataflow_endpoint" in subject.options and not matches(r"https?://[^/\s]+/?.*", given):
        yield problem("dataflow_endpoint", given, "a URL", "take it out: Google's own is the default")
    if "no_auth" in subject.options and not subject.rehearsed:
        remedy = "take it out: credentials come from the environment (GOOGLE_APPLICATION_CREDENTIALS)"
        yield problem("no_auth", None, "credentials for Google's service", remedy)
