"""What a zygote was made from: Penstock's code, the environment's packages, and variables that imports read.

Where any of it differs, a forked process would not be what a new one is, so another zygote is made.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PACKAGES = ("foundation", "pipeline", "components", "serving")
_READ_BY_IMPORTS = (
    "ABSL_", "ARROW_", "AUTOGRAPH_", "BLIS_", "CUDA_", "GLIBC_", "GOMP_", "GRPC_", "HIP_", "JAX_", "KERAS_", "KMP_",
    "LC_", "LD_", "MALLOC_", "MIMALLOC_", "MKL_", "MPL", "NCCL_", "NPY_", "NUMEXPR_", "NUMPY_", "NVIDIA_", "OMP_",
    "ONEDNN_", "OPENBLAS_", "OPENSSL_", "PANDAS_", "PROTOCOL_BUFFERS_", "PYARROW_", "PYTHON", "ROCR_", "SCIPY_",
    "SKLEARN_", "TFX_", "TF_", "XLA_",
)  # fmt: skip
"""Starts of variables that a library reads when it is imported."""
_ALSO = ("LANG", "LANGUAGE", "HOME", "VIRTUAL_ENV", "CONDA_PREFIX")
_SET_PER_PROCESS = ("PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL")
"""Variables that Penstock sets itself for its processes, and may differ from the zygote's."""
_NEEDED = ("PATH", "TMPDIR", "XDG_RUNTIME_DIR")
_NAMESPACES = ("mnt", "pid", "net", "user")


def environment_digest() -> str:
    """Returns a name for the Python environment of this process."""
    return _digest([sys.prefix, sys.executable])[:8]


def state_digest(preload: Sequence[str], search: Sequence[str], variables: Mapping[str, str]) -> str:
    """Returns a digest of all that decides what a zygote has in it.

    Args:
        preload: Modules that it imports.
        search: Folders that they are searched in.
        variables: The environment's, as they were before the imports: some libraries set their own.
    """
    parts = [sys.version, str(os.geteuid()), *preload, *search, *_namespaces()]
    parts += [f"{name}={value}" for name, value in sorted(relevant(variables).items())]
    for entry in search:
        parts += _packages(Path(entry))
    parts += _code(package_root())
    return _digest(parts)[:24]


def relevant(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that decide what imported libraries are."""
    return {
        name: value
        for name, value in environment.items()
        if (name.startswith(_READ_BY_IMPORTS) or name in _ALSO) and name not in _SET_PER_PROCESS
    }


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that a zygote lives with: none of a run's, whose secrets would outlive it."""
    needed = {name: environment[name] for name in _NEEDED if name in environment}
    return {**needed, **relevant(environment)}


def package_root() -> Path:
    """Returns the folder that holds Penstock's packages."""
    return Path(__file__).resolve().parents[3]


def search_path() -> list[str]:
    """Returns the folders of this process's path that belong to its environment, not to a script or a notebook."""
    named = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    roots = tuple({sys.prefix, sys.base_prefix, sys.exec_prefix})
    scripts = {str(Path(sys.prefix) / "bin"), str(Path(sys.base_prefix) / "bin")}
    own = str(package_root())
    found = [
        p
        for p in sys.path
        if p not in scripts and (p in named or p.startswith(roots) or p.endswith(("-packages",)) or p == own)
    ]
    return list(dict.fromkeys([own, *found]))


def _packages(folder: Path) -> Iterator[str]:
    """Yields what is installed in a folder, with the time of each: an update makes another folder, or a later time."""
    if not folder.name.endswith("-packages"):
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link")):
                yield f"{entry.path} {entry.stat().st_mtime_ns}"
            elif not entry.name.startswith("__pycache__"):
                yield entry.name


def _code(root: Path) -> Iterator[str]:
    """Yields every Python file of ours with its time and size."""
    for package in _PACKAGES:
        for folder, below, files in os.walk(root / package):
            below[:] = sorted(name for name in below if name != "__pycache__")
            for name in sorted(files):
                if name.endswith((".py", ".so")):
                    about = os.stat(os.path.join(folder, name))
                    yield f"{folder}/{name} {about.st_mtime_ns} {about.st_size}"


def _namespaces() -> Iterator[str]:
    """Yields the kernel's namespaces: with other ones, a path or a process id means something else."""
    for name in _NAMESPACES:
        try:
            yield os.readlink(f"/proc/self/ns/{name}")
        except OSError:
            yield "none"


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
