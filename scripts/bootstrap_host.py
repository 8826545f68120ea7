"""What machine this is, and whether set-up can work on it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap_errors import REMEDIES, Cause, SetupError
from bootstrap_layout import Layout

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
"""The Pythons that TFX 1.21 has wheels for."""

_GIB = 1024**3
_ENVIRONMENT_NEEDS = 5 * _GIB
_CACHE_NEEDS = 4 * _GIB


@dataclass(frozen=True)
class Host:
    """The machine that set-up runs on.

    Attributes:
        system: The operating system, as in `platform.system()`.
        machine: The processor's architecture, such as `x86_64`.
        python: The running Python's version.
        glibc: The C library's version; None where it is not glibc.
        release: The distribution's own description, from /etc/os-release.
    """

    system: str
    machine: str
    python: str
    glibc: tuple[int, int] | None
    release: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The distribution's name for people."""
        return self.release.get("PRETTY_NAME") or self.system

    @property
    def libc(self) -> str:
        """The C library's name and version for people."""
        return f"glibc {self.glibc[0]}.{self.glibc[1]}" if self.glibc else "no glibc"


def look() -> Host:
    """Looks at the machine.

    Returns:
        What was found.
    """
    return Host(platform.system(), platform.machine(), platform.python_version(), host_glibc(), os_release())


def parse_version(text: str) -> tuple[int, int] | None:
    """Reads the first two numbers of a version.

    Args:
        text: Such as `glibc 2.36` or `2.41-12+deb13u1`.

    Returns:
        Such as `(2, 36)`; None when there is no version in it.
    """
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def host_glibc() -> tuple[int, int] | None:
    """Asks the C library that the running Python uses for its version.

    Returns:
        The version; None where the C library is another one (musl, macOS, Windows).
    """
    try:
        answer = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        return None
    return parse_version(answer) if answer and answer.startswith("glibc") else None


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Reads the distribution's description of itself.

    Args:
        path: The file to read.

    Returns:
        Its keys and values without quotes; empty when there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def check(host: Host, layout: Layout) -> None:
    """Refuses, before anything is written, a machine on which set-up would fail later.

    Args:
        host: The machine.
        layout: The paths of set-up.

    Raises:
        SetupError: The machine is not supported, or lacks something.
    """
    check_architecture(host)
    check_python(host)
    check_compiler()
    check_disk(layout)


def check_architecture(host: Host) -> None:
    """Refuses machines that ml-metadata has no wheel for.

    Args:
        host: The machine.

    Raises:
        SetupError: It is not Linux on x86_64.
    """
    if (host.system, host.machine) == ("Linux", "x86_64"):
        return
    raise SetupError(
        Cause.HOST,
        subject="operating system and processor",
        expected="Linux on x86_64: TFX's ml-metadata 1.21 has a wheel for nothing else",
        seen=f"{host.system} on {host.machine}",
        remedy="use the Dockerfile with --platform linux/amd64, or a Linux machine with an x86_64 processor",
    )


def check_python(host: Host) -> None:
    """Refuses Pythons that TFX has no wheels for.

    Args:
        host: The machine.

    Raises:
        SetupError: The Python is too old, too new, or 32 bits wide.
    """
    version = parse_version(host.python) or (0, 0)
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON and sys.maxsize > 2**32:
        return
    raise SetupError(
        Cause.PYTHON,
        subject=sys.executable,
        expected="64-bit CPython 3.11 to 3.13",
        seen=f"Python {host.python}",
        remedy="install another Python and name it in PENSTOCK_PYTHON",
    )


def check_compiler() -> None:
    """Refuses machines that cannot build pyfarmhash, which TFDV needs and which has no wheel.

    Raises:
        SetupError: There is no C++ compiler, or Python's headers are missing.
    """
    version = "{}.{}".format(*sys.version_info)
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        raise SetupError(
            Cause.PYTHON,
            subject=f"the headers of {sys.executable}",
            expected=f"{header}: TFDV's dependency pyfarmhash has no wheel and is compiled",
            seen="no such file",
            remedy=f"Debian, Ubuntu: apt-get install python{version}-dev; Fedora: python{version}-devel",
        )
    wanted = [
        (os.environ.get(name) or sysconfig.get_config_var(name) or "c++").split()[0] for name in ("CC", "CXX")
    ]
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        raise SetupError(
            Cause.COMPILER,
            subject="C++ compiler",
            expected=f"{' and '.join(wanted)} on the path: TFDV's dependency pyfarmhash has no wheel and is compiled",
            seen=f"no {' and no '.join(missing)}",
            remedy="Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; or set CC and CXX",
        )


def cache_folder() -> Path | None:
    """Gives the folder in which uv keeps downloads.

    Returns:
        The folder; None when it cannot be written to, so that another is needed.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(os.environ.get("UV_CACHE_DIR") or os.path.join(home, "uv"))
    return folder if os.access(_nearest(folder), os.W_OK) else None


def _nearest(folder: Path) -> Path:
    """Gives the folder itself, or its nearest ancestor that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def check_disk(layout: Layout) -> None:
    """Refuses disks that are too small for the environment.

    Downloads are linked, not copied, into an environment on the same file system.

    Args:
        layout: The paths of set-up.

    Raises:
        SetupError: There is too little space.
    """
    # An environment that is about to be replaced gives its space back.
    needs = _ENVIRONMENT_NEEDS if not (layout.venv / "lib").exists() else _ENVIRONMENT_NEEDS // 4
    _require_space(layout.root, needs)
    cache = _nearest(cache_folder() or layout.root)
    if cache.stat().st_dev != layout.root.stat().st_dev and not (cache / "CACHEDIR.TAG").exists():
        _require_space(cache, _CACHE_NEEDS)


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return
    raise SetupError(
        Cause.DISK,
        subject=str(folder),
        expected=f"{needed / _GIB:.1f} GiB free: TFX and TensorFlow are large",
        seen=f"{free / _GIB:.1f} GiB free",
        remedy=REMEDIES[Cause.DISK],
    )


def disk_full(layout: Layout) -> SetupError:
    """Makes the error of a disk that filled up on the way.

    Args:
        layout: The paths of set-up.

    Returns:
        The error.
    """
    return SetupError(
        Cause.DISK,
        subject=str(layout.root),
        expected="room for the environment",
        seen=f"the disk is full, {shutil.disk_usage(layout.root).free / _GIB:.1f} GiB free",
        remedy=REMEDIES[Cause.DISK],
    )
