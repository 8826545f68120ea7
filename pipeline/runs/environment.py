"""What a run was made with: Python, the installed packages, the project's code; kept in its record, shown by lineage."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.trainer.result import TrainingHistory
from foundation.errors import DataError
from foundation.stores.brought import looked_at
from pipeline.lineage.trace import Step
from pipeline.runs.book import RunBook

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_OURS = "penstock"


def installed_packages() -> dict[str, str]:
    """Returns name → version of Python and every installed package, sorted."""
    from importlib import metadata

    found = dict(map(_named, metadata.distributions()))
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def _named(one: Distribution) -> tuple[str, str]:
    """Returns name and version of a package; to parse all 300 descriptions as e-mails, as the library does, takes 0.3 s."""
    head = (one.read_text("METADATA") or one.read_text("PKG-INFO") or "").partition("\n\n")[0]
    name, version = (re.search(rf"^{key}: *(\S+)", head, re.MULTILINE) for key in ("Name", "Version"))
    if name is None or version is None:
        return _plain(one.metadata["Name"] or ""), one.version
    return _plain(name[1]), version[1]


def code_version(folder: Path, files: Iterable[Path] = (), own_code: Iterable[str] = ()) -> str:
    """Returns which version of the user's project ran.

    Args:
        folder: Folder of the project.
        files: The document's files.
        own_code: Digests of the code that it names.

    Returns:
        The git commit, with ``+`` if files differ from it; without git ``sha256:`` and a digest of document and code.
    """
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _digest(files, own_code)
    return described.stdout.strip() if described.returncode == 0 else _digest(files, own_code)


def _digest(files: Iterable[Path], own_code: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    for one in own_code:
        digest.update(one.encode())
    return f"sha256:{digest.hexdigest()[:12]}"


def made_with(step: Step, runs: RunBook) -> dict[str, Any]:
    """Returns the seed, the project's code and the packages of an execution that trained a model; {} for others.

    Args:
        step: The execution.
        runs: The records of all runs; one that has been cleaned away says nothing.
    """
    history = next(
        filter(None, (TrainingHistory.find(looked_at(a.uri)) for a in step.gave if a.type == "ModelRun")),
        None,
    )
    if history is None:
        return {}
    found: dict[str, Any] = {"seed": history.train["seed"]} if "seed" in history.train else {}
    try:
        record = runs.find(step.run)
    except DataError:
        return found
    if record.code:
        found["project"] = record.code
    if record.packages:
        found["packages"] = [f"{name} {version}" for name, version in _first(record.packages)]
    return found


def _first(packages: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Returns the packages with those that Penstock itself requires first."""
    from importlib import metadata

    try:
        required = {
            _plain(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in metadata.requires(_OURS) or ()
        }
    except metadata.PackageNotFoundError:
        required = set()
    return sorted(
        packages.items(), key=lambda item: (item[0] not in {"python", _OURS, *required}, item[0] != "python")
    )


def _plain(name: str) -> str:
    """Returns a package's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
