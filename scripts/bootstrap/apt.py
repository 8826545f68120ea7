"""Fetches packages of another release with apt, in folders of its own: the system's are neither used nor changed.

Mirror, proxies and certificates are those the host's apt is set up with; the distribution's own key is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .errors import REMEDIES, Cause, SetupError
from .layout import Layout
from .run import run

# Read after the system's own settings, whose proxies and certificates stay in force. The system's hooks (package
# caches, desktop catalogues) are not this environment's business. The folder may lie where apt's own download user
# cannot reach, so downloads run as the caller.
_SETTINGS = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Cache "{work}/cache";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{work}/sources";
Dir::State::Lists "{work}/lists";
Dir::State::status "{work}/status";
"""


def download(
    layout: Layout, names: Sequence[str], family: str, suites: Sequence[str], codename: str
) -> list[Path]:
    """Fetches packages; apt checks them against the distribution's signature.

    Args:
        layout: The paths of set-up.
        names: The packages.
        family: The distribution, as its keyring is called.
        suites: The parts of the archive to take them from.
        codename: The host's own release.

    Returns:
        The packages' files.

    Raises:
        SetupError: They could not be fetched.
    """
    work = layout.own / "apt"
    for name in ("sources", "lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "settings").write_text(settings(work), encoding="utf-8")
    keyring = min(Path("/usr/share/keyrings").glob(f"{family}-archive-keyring.[gp]*"), default=None)
    source = sources_entry(mirror(layout, codename), suites, keyring)
    (work / "sources" / "private.sources").write_text(source, encoding="utf-8")
    apt, subject = ["apt-get", "-q", "-c", str(work / "settings")], f"{', '.join(names)} of {suites[0]}"
    run(
        layout,
        [*apt, "update"],
        cause=Cause.GLIBC,
        subject=subject,
        expected="apt to read the release's list of packages and its signature",
        remedy=f"see the log; a wrong clock or an old archive keyring makes signatures fail; or {REMEDIES[Cause.GLIBC]}",
    )
    expected, debs = "apt to fetch them", work / "debs"
    run(
        layout,
        [*apt, "download", *names],
        cause=Cause.GLIBC,
        subject=subject,
        expected=expected,
        folder=debs,
    )
    found = sorted(debs.glob("*.deb"))
    if len(found) != len(names):
        seen = f"{len(found)} of {len(names)} packages"
        raise SetupError(cause=Cause.GLIBC, subject=subject, expected=expected, seen=seen)
    return found


def settings(work: Path) -> str:
    """Returns the text of apt's settings.

    Args:
        work: A folder for apt alone.
    """
    return _SETTINGS.format(work=work)


def sources_entry(mirror: str, suites: Sequence[str], keyring: Path | None) -> str:
    """Returns the entry of apt's sources for one release.

    Args:
        mirror: The archive's address.
        suites: The parts of the archive, by name.
        keyring: The public keys that may have signed it; None for all that the system trusts.
    """
    entry = (
        f"Types: deb\nURIs: {mirror}\nSuites: {' '.join(suites)}\nComponents: main\nArchitectures: amd64\n"
    )
    return entry + (f"Signed-By: {keyring}\n" if keyring else "")


def mirror(layout: Layout, codename: str) -> str:
    """Asks apt which archive the host's own release comes from; a mirror of its own is thus taken too.

    Args:
        layout: The paths of set-up.
        codename: The host's release; its updates and security archives have longer names.

    Raises:
        SetupError: The host's sources name none.
    """
    subject, expected = "apt's sources", f"an archive of {codename} (main) in the host's sources of apt"
    answer = run(
        layout,
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(RELEASE)|$(COMPONENT)|$(REPO_URI)",
            "Created-By: Packages",
        ],
        cause=Cause.GLIBC,
        subject=subject,
        expected=expected,
    )
    own = f"{codename}|main|"
    found = [line.removeprefix(own) for line in answer.splitlines() if line.startswith(own)]
    if not found:
        remedy = f"add it and run apt-get update once, or {REMEDIES[Cause.GLIBC]}"
        raise SetupError(cause=Cause.GLIBC, subject=subject, expected=expected, seen="none", remedy=remedy)
    return found[0].rstrip("/")
