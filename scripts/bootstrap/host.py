"""What machine this is, and whether set-up can work on it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import Cause, SetupError
from .layout import Layout

_GIB = 1024**3
_ENVIRONMENT_NEEDS = 5 * _GIB
_CACHE_NEEDS = 4 * _GIB


@dataclass(frozen=True)
class Host:
    """The machine that set-up runs on.

    Attributes:
        system: The operating system, as in ``platform.system()``.
        machine: The processor's architecture, such as ``x86_64``.
        glibc: The C library's version; None where it is not glibc.
        release: The distribution's own description, from /etc/os-release.
    """

    system: str
    machine: str
    glibc: tuple[int, ...] | None
    release: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The distribution's name for people."""
        return self.release.get("PRETTY_NAME") or self.system

    def __str__(self) -> str:
        libc = f"glibc {'.'.join(map(str, self.glibc))}" if self.glibc else "no glibc"
        return f"{self.name}, {self.machine}, {libc}, Python {platform.python_version()}"


def look() -> Host:
    """Looks at the machine."""
    library, version = platform.libc_ver()
    glibc = tuple(map(int, version.split("."))) if library == "glibc" else None
    return Host(platform.system(), platform.machine(), glibc, os_release())


def os_release() -> dict[str, str]:
    """Reads the distribution's description of itself; empty where there is none."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def check(host: Host, layout: Layout) -> None:
    """Refuses, before anything is written, a machine on which set-up would fail later.

    Raises:
        SetupError: The machine is not supported, or lacks something.
    """
    check_architecture(host)
    check_compiler()
    check_disk(layout)


def check_architecture(host: Host) -> None:
    """Refuses machines that ml-metadata has no wheel for."""
    if (host.system, host.machine) != ("Linux", "x86_64"):
        raise SetupError(
            cause=Cause.HOST,
            subject="operating system and processor",
            expected="Linux on x86_64: TFX's ml-metadata 1.21 has a wheel for nothing else",
            seen=f"{host.system} on {host.machine}",
            remedy="use the Dockerfile with --platform linux/amd64, or a Linux machine with an x86_64 processor",
        )


def check_compiler() -> None:
    """Refuses machines that cannot build pyfarmhash, which TFDV needs and which has no wheel."""
    why = "TFDV's dependency pyfarmhash has no wheel and is compiled"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.exists():
        version = sysconfig.get_python_version()
        raise SetupError(
            cause=Cause.PYTHON,
            subject=f"the headers of {sys.executable}",
            expected=f"{header}: {why}",
            seen="no such file",
            remedy=f"Debian, Ubuntu: apt-get install python{version}-dev; Fedora: python{version}-devel",
        )
    wanted = [
        (os.environ.get(name) or sysconfig.get_config_var(name) or "c++").split()[0] for name in ("CC", "CXX")
    ]
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        raise SetupError(
            cause=Cause.COMPILER,
            subject="C++ compiler",
            expected=f"{' and '.join(wanted)} on the path: {why}",
            seen=f"no {' and no '.join(missing)}",
            remedy="Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; or set CC and CXX",
        )


def cache_folder() -> Path | None:
    """Returns the folder in which uv keeps downloads; None when it cannot be written to."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("UV_CACHE_DIR") or Path(home, "uv"))
    return folder if os.access(_nearest(folder), os.W_OK) else None


def _nearest(folder: Path) -> Path:
    """Returns the folder itself, or its nearest ancestor that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def check_disk(layout: Layout) -> None:
    """Refuses disks that are too small for the environment.

    Downloads are linked, not copied, into an environment on the same file system.
    """
    # An environment that is about to be replaced gives its space back.
    _require_space(layout.root, _ENVIRONMENT_NEEDS // (4 if (layout.venv / "lib").exists() else 1))
    cache = _nearest(cache_folder() or layout.root)
    if cache.stat().st_dev != layout.root.stat().st_dev and not (cache / "CACHEDIR.TAG").exists():
        _require_space(cache, _CACHE_NEEDS)


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SetupError(
            cause=Cause.DISK,
            subject=str(folder),
            expected=f"{needed / _GIB:.1f} GiB free: TFX and TensorFlow are large",
            seen=f"{free / _GIB:.1f} GiB free",
        )
